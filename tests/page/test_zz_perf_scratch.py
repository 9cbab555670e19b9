import numpy as np, json
from browsing import *
from chromium import Page, expect
import cv2
from model.results.polygons import to_rings
def test_perf(page: Page) -> None:
    expect.set_options(timeout=120_000)
    rng=np.random.default_rng(1)
    segs=[]
    W=2000;H=1600
    n=0
    for r in range(40):
        for c in range(50):
            n+=1
            m=np.zeros((40,40),np.uint8)
            cv2.ellipse(m,(20,20),(int(rng.integers(8,18)),int(rng.integers(8,18))),float(rng.integers(0,180)),0,360,1,-1)
            x0,y0=c*40,r*40
            ys,xs=np.nonzero(m); b=[xs.min(),ys.min(),xs.max()+1,ys.max()+1]
            mm=np.ascontiguousarray(m[b[1]:b[3],b[0]:b[2]])
            rings=[q.ravel().tolist() for q in to_rings(mm,np.array([x0+b[0],y0+b[1],0,0],np.int32))]
            segs.append({"id":n,"class":"cell","class_id":1,"score":round(1-n/4000,4),"box":[int(x0+b[0]),int(y0+b[1]),int(b[2]-b[0]),int(b[3]-b[1])],"area":int(mm.sum()),"mask":rings})
    answer={"request_id":"x","model":{"name":"known","version":"1","task":"instance","engine":"openvino","precision":"bf16","chosen_by":"caller"},"image":{"width":W,"height":H,"pages":1,"page":0,"channels":3},"segments":segs,"timings_ms":{"infer":1}}
    page.route("**/api/v1/segment*", lambda route: route.fulfill(json=answer))
    choose(page, file_of(place_picture(W,H)))
    await_answer(page)
    page.on("console", lambda m: print("CONSOLE", m.text)); page.on("pageerror", lambda m: print("ERR", m)); page.locator("#view").press("e")
    page.wait_for_timeout(4000);print(page.evaluate("() => [document.getElementById('correct').outerHTML, document.getElementById('edit-bar')?.hidden, document.activeElement.id, document.querySelectorAll('link').length, performance.getEntriesByType('resource').map(r=>r.name.split('/').pop()).slice(-14).join()]"))
    expect(page.locator("#edit-bar")).to_be_visible()
    cdp=page.context.new_cdp_session(page)
    cdp.send("Performance.enable", {"timeDomain":"threadTicks"})
    def ticks(): 
        m={x["name"]:x["value"] for x in cdp.send("Performance.getMetrics")["metrics"]}
        return m["TaskDuration"]*1000, m["ScriptDuration"]*1000, m["LayoutDuration"]*1000, m["RecalcStyleDuration"]*1000
    SETUP="""const v = await import("/static/viewer/visit.js");
      const {visit} = v;
      const a = await import("/static/viewer/edit/actions.js");
      const st = await import("/static/viewer/edit/state.js");
      const t = await import("/static/viewer/edit/tools.js");
      const frame = () => new Promise(r => requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = r; c.port2.postMessage(0); }));"""
    steps={
     "nothing":"",
     "filter":"visit.current.threshold = 0.1+i/100; visit.current.filter(); v.tell('filter');",
     "passes only":"visit.current.filter();",
     "view":"v.tell('view')",
     "delete":"st.choose([visit.current.shown[500+i]]); a.deleteChosen();",
     "undo":"a.undoLast()",
     "brush":"st.take('brush'); st.choose([visit.current.shown[300+i]]); const [x,y]=visit.current.shown[300+i].box; t.press([x,y]); t.move([x+20,y+20]); t.release([x+30,y+20]);",
     "draw":"st.take('polygon'); st.choose([]); t.press([20+i*9,30]); t.release([20+i*9,30]);t.press([60+i*9,30]);t.release([60,30]);t.press([60+i*9,90]);t.release([60,90]); t.finish();",
     "split":"st.take('cut'); st.choose([]); t.press([0,60+i*40]); t.move([2000,60+i*40]); t.release([2000,60+i*40]);",
     "merge":"st.choose([visit.current.shown[100+2*i], visit.current.shown[101+2*i]]); a.mergeChosen();",
    }
    for k,code in steps.items():
        r=[]
        for i in range(2):
            page.evaluate("async () => {"+SETUP+"await frame(); await frame();}")
            b=ticks()
            page.evaluate("async (i) => {"+SETUP+code+"; await frame(); await frame();}", i)
            r.append([round(y-x,1) for x,y in zip(b,ticks())])
        print(k, r)
