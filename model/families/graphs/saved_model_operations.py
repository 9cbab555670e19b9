"""The operations that a SavedModel may have: checked in its file before anything is loaded or run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from model.families.graphs.source import GraphError

PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "NumpyFunction"}
"""Operations that call Python: refused like all unlisted ones, but with a message of their own."""

_NAMES = """
Placeholder PlaceholderWithDefault Const Identity IdentityN NoOp StopGradient PreventGradient
CheckNumerics EnsureShape Assert HostConst InvertPermutation
_Arg _Retval _DeviceArg _DeviceRetval

PartitionedCall StatefulPartitionedCall If StatelessIf While StatelessWhile Case StatelessCase
Switch Merge Enter Exit NextIteration LoopCond RefSwitch RefMerge RefEnter RefExit RefIdentity
TensorListReserve TensorListGetItem TensorListSetItem TensorListStack TensorListFromTensor
TensorListLength TensorListElementShape TensorListPushBack TensorListPopBack EmptyTensorList
TensorArrayV3 TensorArrayReadV3 TensorArrayWriteV3 TensorArrayGatherV3 TensorArrayScatterV3
TensorArraySizeV3 TensorArrayConcatV3 TensorArraySplitV3 TensorArrayCloseV3

VarHandleOp VariableV2 Variable VarIsInitializedOp IsVariableInitialized ReadVariableOp
AssignVariableOp AssignAddVariableOp AssignSubVariableOp Assign AssignAdd AssignSub VariableShape
ResourceGather ResourceScatterUpdate DisableCopyOnRead DestroyResourceOp

Conv2D Conv2DBackpropInput Conv2DBackpropFilter Conv3D DepthwiseConv2dNative
DepthwiseConv2dNativeBackpropInput Conv3DBackpropInputV2 Dilation2D SpaceToBatch SpaceToBatchND
BatchToSpace BatchToSpaceND SpaceToDepth DepthToSpace ExtractImagePatches MaxPool MaxPoolV2
MaxPoolWithArgmax MaxPool3D AvgPool AvgPool3D FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3
BatchNormWithGlobalNormalization LRN L2Loss BiasAdd BiasAddV1 BiasAddGrad MatMul BatchMatMul
BatchMatMulV2 BatchMatMulV3 Einsum Cross Relu Relu6 ReluGrad LeakyRelu Elu Selu Softplus Softsign
Sigmoid Softmax LogSoftmax Tanh FFT2D IFFT2D RFFT2D IRFFT2D FakeQuantWithMinMaxArgs
FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantizeV2
QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizeV2 Dequantize

ResizeBilinear ResizeNearestNeighbor ResizeBicubic ResizeArea ScaleAndTranslate CropAndResize
ImageProjectiveTransformV2 ImageProjectiveTransformV3 AdjustContrastv2 AdjustHue AdjustSaturation
RGBToHSV HSVToRGB NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5

Add AddV2 AddN AccumulateNV2 Sub Mul Div DivNoNan RealDiv FloorDiv TruncateDiv Mod FloorMod
TruncateMod MulNoNan Neg Abs Sign Reciprocal Inv Square SquaredDifference Sqrt Rsqrt Pow Exp Expm1 Log
Log1p Xlogy Xlog1py Sin Cos Tan Asin Acos Atan Atan2 Sinh Cosh Asinh Acosh Atanh Erf Erfc Erfinv
Ndtri Lgamma Digamma Floor Ceil Round Rint Maximum Minimum ClipByValue Cumsum Cumprod Sum Prod Mean
Max Min All Any ArgMax ArgMin TopK TopKV2 EuclideanNorm SegmentSum UnsortedSegmentSum Bincount
Equal NotEqual Greater GreaterEqual Less LessEqual ApproximateEqual LogicalAnd LogicalOr LogicalNot
IsNan IsInf IsFinite NextAfter Real Imag Complex ComplexAbs Conj BitwiseAnd BitwiseOr BitwiseXor Invert
LeftShift RightShift Cast Bitcast Select SelectV2 Where

Shape ShapeN Size Rank Reshape Squeeze ExpandDims Transpose ConjugateTranspose Pack Unpack Concat
ConcatV2 ConcatOffset Split SplitV Slice StridedSlice TensorStridedSliceUpdate TensorScatterUpdate
TensorScatterAdd ScatterNd Gather GatherV2 GatherNd Tile Pad PadV2 MirrorPad Reverse ReverseV2 Roll
BroadcastTo BroadcastArgs BroadcastGradientArgs Fill ZerosLike OnesLike Empty Range LinSpace OneHot
MatrixBandPart MatrixDiag MatrixDiagV3 MatrixDiagPart MatrixDiagPartV3 Unique UniqueV2 DeepCopy

RandomUniform RandomUniformInt RandomStandardNormal TruncatedNormal StatelessRandomUniform
StatelessRandomUniformV2 StatelessRandomNormal StatelessRandomNormalV2 StatelessTruncatedNormal
StatelessTruncatedNormalV2 StatelessRandomUniformInt StatelessRandomUniformIntV2
StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2 StatelessRandomGetKeyCounter
StatelessRandomGetAlg StatelessRandomGetKeyCounterAlg
"""
PLAIN = frozenset(_NAMES.split())
"""Operations of image networks. None of them reads or writes anything outside the process."""

RESTORING = PLAIN | {"RestoreV2", "Restore", "RestoreSlice", "StringJoin", "ShardedFilename"}
"""Operations that read a model's own variables: allowed only in nodes that the file uses for restoring."""
SAVING = RESTORING | {
    "SaveV2",
    "Save",
    "SaveSlices",
    "MergeV2Checkpoints",
    "RegexFullMatch",
    "StaticRegexFullMatch",
}
"""Operations that write them: allowed only in nodes that the file uses for saving, which never run."""

SHOWN = 5  # operations that a message names


def refuse_other_operations(saved: Any, name: str) -> None:
    """Raise GraphError if a SavedModel has operations that plain networks do not have.

    Args:
        saved: the protobuf message of a saved_model.pb.
        name: of the folder, for the message.
    """
    others: set[str] = set()
    for graph in saved.meta_graphs:
        others |= _other_operations(graph)
    shown = ", ".join(sorted(others)[:SHOWN]) + (", …" if len(others) > SHOWN else "")
    if others & PYTHON:
        raise GraphError(
            f"{name} calls Python code ({', '.join(sorted(others & PYTHON))}; tf.py_function or "
            "tf.numpy_function), which is not in the file and cannot run: rewrite that part with "
            "TensorFlow's own operations and save the model again"
        )
    if others:
        raise GraphError(
            f"{name} has operations that image networks do not need ({shown}) and that might read or write "
            "files, so it is refused: save the model without them, or export it as ONNX"
        )


def _other_operations(graph: Any) -> set[str]:
    functions = {one.signature.name: one for one in graph.graph_def.library.function}
    saving, restoring = _of_the_saver(graph)
    nodes: dict[str, list[Any]] = {"any": [], "restoring": [], "saving": []}
    for node in graph.graph_def.node:
        part = "saving" if node.name in saving else "restoring" if node.name in restoring else "any"
        nodes[part].append(node)
    of_signatures = _functions_of(nodes["any"], functions) + list(graph.object_graph_def.concrete_functions)
    used = _reached(of_signatures, functions)
    restored = _reached(_functions_of(nodes["restoring"], functions), functions) - used
    saved = _reached(_functions_of(nodes["saving"], functions), functions) - used - restored
    for name, function in functions.items():
        part = "saving" if name in saved else "restoring" if name in restored else "any"
        nodes[part] += function.node_def
    others = set()
    for part, allowed in (("any", PLAIN), ("restoring", RESTORING), ("saving", SAVING)):
        others |= {node.op for node in nodes[part]} - allowed - functions.keys()
    return others


def _of_the_saver(graph: Any) -> tuple[set[str], set[str]]:
    """The names of nodes needed only for saving, and of nodes needed for restoring but not by a signature."""
    nodes = {node.name: node for node in graph.graph_def.node}
    saver = graph.saver_def
    saving = _before([saver.save_tensor_name], nodes)
    restoring = _before([saver.restore_op_name, saver.filename_tensor_name], nodes)
    given = [one.name for signature in graph.signature_def.values() for one in signature.outputs.values()]
    used = _before([*(nodes.keys() - saving - restoring), *given], nodes)
    return saving - restoring - used, restoring - used


def _before(names: Iterable[str], nodes: Mapping[str, Any]) -> set[str]:
    """The named nodes, and all nodes from which they get their inputs."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().removeprefix("^").partition(":")[0]
        if name in nodes and name not in found:
            found.add(name)
            waiting += nodes[name].input
    return found


def _reached(names: Iterable[str], functions: Mapping[str, Any]) -> set[str]:
    """The named functions, and all functions that they call."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in functions and name not in found:
            found.add(name)
            waiting += _functions_of(functions[name].node_def, functions)
    return found


def _functions_of(nodes: Iterable[Any], functions: Mapping[str, Any]) -> list[str]:
    """The functions that nodes call, by attribute or as if they were operations."""
    called = []
    for node in nodes:
        if node.op in functions:
            called.append(node.op)
        for value in node.attr.values():
            called += [one.name for one in (value.func, *value.list.func) if one.name]
    return called
