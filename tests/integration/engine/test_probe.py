from __future__ import annotations
import cProfile, pstats, time
from tests.integration.engine.test_interruptions import *
from tests.integration.engine.test_interruptions import EDITS
def test_probe(new_world):
    w = new_world()
    interrupted(w, EDITS, Executioner(), TRANSPORT)
    p = cProfile.Profile(); p.enable(); t=time.time()
    for _ in range(3):
        w = new_world(); e = Executioner()
        interrupted(w, EDITS, e, TRANSPORT); EDITS.end(w)
    p.disable(); print(time.time()-t, e.taken)
    pstats.Stats(p).sort_stats("cumtime").print_stats(60)
