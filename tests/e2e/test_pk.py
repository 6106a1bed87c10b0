from datetime import UTC, datetime
def test_pk(deployment):
    run = deployment.run("receipts", datetime(2026,1,6,tzinfo=UTC))
    print(run.state)
    print(deployment.report("receipts"))
