from __future__ import annotations
def test_x(airflow_run):
    import json
    print(json.dumps({k: getattr(airflow_run,k) for k in ("states","tries","xcoms","rendered")}, indent=1))
    open("/tmp/h2/out.txt","w").write(airflow_run.output)
    assert 0
