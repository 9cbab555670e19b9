"""Traces: a span for each request and its stages, sent to an OpenTelemetry collector if one is configured."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request

from app.monitoring import current_request
from app.monitoring.current_request import Record, Trace

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

logger = logging.getLogger(__name__)

_EXTENSION = "maskserve_traces"

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"

_LONGEST_TEXT = 200  # characters of text from the caller
_NANOSECONDS = 1_000_000_000
_FLUSH_SECONDS = 2.0  # a collector that hangs must not delay the process's end


def register(app: Flask) -> None:
    """Trace the requests to `app`, except probes, if the environment names a collector.

    The variables are OpenTelemetry's own (OTEL_EXPORTER_OTLP_*, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME, …).
    Call it in the process that serves requests: the sending thread would not survive a fork.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return
    protocol = next(filter(None, map(os.environ.get, _PROTOCOLS)), _PROTOCOL)
    if protocol != _PROTOCOL:
        logger.warning(
            "no traces are sent, because the protocol is not supported: set %s=%s, not %s",
            _PROTOCOLS[0],
            _PROTOCOL,
            protocol,
        )
        return
    provider = _provider()
    tracer = provider.get_tracer("maskserve")
    app.extensions[_EXTENSION] = provider

    @app.before_request
    def begin() -> None:
        if not current_request.is_probe():
            g.span = _begin(tracer, current_request.current_record())

    @app.after_request
    def end(response: Response) -> Response:
        if "span" in g:
            _end(tracer, g.pop("span"), current_request.current_record(), response)
        return response


def flush(app: Flask) -> None:
    """Send the remaining spans of `app`: for servers that end processes without Python's exit handlers."""
    if _EXTENSION in app.extensions:
        _flush(app.extensions[_EXTENSION])


def _flush(provider: TracerProvider) -> None:
    """Send the remaining spans, within _FLUSH_SECONDS: opentelemetry-sdk 1.45 ignores its own time limit."""
    flushing = threading.Thread(target=provider.force_flush, name="flushing", daemon=True)
    flushing.start()
    flushing.join(_FLUSH_SECONDS)


def _provider() -> TracerProvider:
    """A provider that sends spans in batches, the last of them when Python exits."""
    # Imported here, because they are not needed without a collector.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource({"service.name": "maskserve"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=Resource.create(named.attributes), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    atexit.register(_flush, provider)
    return provider


def _begin(tracer: Tracer, record: Record) -> Span:
    """Start the running request's span, a child of the caller's, and note it in `record` for the log."""
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    caller = TraceContextTextMapPropagator().extract(
        {name: request.headers[name] for name in ("traceparent", "tracestate") if name in request.headers}
    )
    method, route = current_request.method(), current_request.route()
    attributes: dict[str, str | int] = {
        "http.request.method": method if method != "other" else "_OTHER",
        "url.scheme": request.scheme,
        "url.path": request.path[:_LONGEST_TEXT],
        "client.address": request.remote_addr or "",
        "user_agent.original": request.user_agent.string[:_LONGEST_TEXT],
        "http.request.body.size": request.content_length or 0,
    }
    if request.url_rule:
        attributes["http.route"] = route
    span = tracer.start_span(
        f"{method} {route}" if request.url_rule else method,
        context=caller,
        kind=SpanKind.SERVER,
        attributes=attributes,
        start_time=record.started_ns,
    )
    context = span.get_span_context()
    record.trace = Trace(
        f"{context.trace_id:032x}", f"{context.span_id:016x}", bool(context.trace_flags.sampled)
    )
    return span


def _end(tracer: Tracer, span: Span, record: Record, response: Response) -> None:
    """End `span`, after adding a child for each completed stage of each picture, or of the request."""
    from opentelemetry.trace import StatusCode, set_span_in_context

    if not span.is_recording():
        return
    parent = set_span_in_context(span)
    stages = [
        (lap, {"maskserve.model": picture.model})
        for picture in record.pictures
        for lap in picture.stopwatch.laps
    ]
    stages += [(lap, {}) for lap in (record.stopwatch.laps if record.stopwatch else ())]
    for lap, attributes in stages:
        start = _wall_clock(record, lap.start)
        stage = tracer.start_span(lap.stage, context=parent, attributes=attributes, start_time=start)
        stage.end(_wall_clock(record, lap.end))
    span.set_attribute("http.response.status_code", response.status_code)
    span.set_attribute("http.response.body.size", response.calculate_content_length() or 0)
    if response.status_code >= 500:
        failure = record.failure
        span.set_attribute("error.type", type(failure).__qualname__ if failure else str(response.status_code))
        span.set_status(StatusCode.ERROR)
    span.end()


def _wall_clock(record: Record, moment: float) -> int:
    """`moment` of `time.perf_counter`, in nanoseconds since 1970."""
    return record.started_ns + round((moment - record.started) * _NANOSECONDS)
