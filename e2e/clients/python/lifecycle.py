"""Leads a connector through its life with kafka-connect-py: lifecycle.py URL FILE. Exits with 0 when all was as it should be."""

import sys
import time

from kafka_connect import KafkaConnect
from requests.exceptions import HTTPError

CLASS = "org.apache.kafka.connect.file.FileStreamSourceConnector"
NAME = "python-client"


def eventually(what, condition):
    """Wait until it is so. What a worker has not heard of yet is not there yet."""
    end = time.monotonic() + 120
    while True:
        last = None
        try:
            if condition():
                return
        except HTTPError as e:
            last = e
        assert time.monotonic() < end, f"still not so: {what}: {last}"
        time.sleep(0.05)


def refused(status, call, *args, **kwargs):
    """The message with which a call is refused."""
    try:
        call(*args, **kwargs)
    except HTTPError as e:
        if e.response is not None:  # the client raises some with the text alone
            assert e.response.status_code == status, e
            return e.response.json()["message"]
        return str(e)
    raise AssertionError("not refused")


def main(url, file):
    client = KafkaConnect(url=url)
    config = {"connector.class": CLASS, "tasks.max": "1", "file": file, "topic": NAME}

    def states(*want):
        def are():
            status = client.get_connector_status(NAME)
            return (status["connector"]["state"], *[t["state"] for t in status["tasks"]]) == want

        eventually(want, are)

    assert client.get_cluster_info()["version"].startswith("4.")
    assert CLASS in [p["class"] for p in client.list_connector_plugins()]

    # Validation, creation.
    assert client.validate_connector_config("FileStreamSource", {"name": NAME, **config})["error_count"] == 0
    bad = client.validate_connector_config("FileStreamSource", {"connector.class": CLASS, "name": NAME})
    assert [c["value"]["name"] for c in bad["configs"] if c["value"]["errors"]] == ["topic"], bad
    assert "tasks.max" in refused(400, client.create_connector, {"name": NAME, "config": {**config, "tasks.max": "x"}})
    assert client.create_connector({"name": NAME, "config": config})["name"] == NAME
    assert "already exists" in refused(409, client.create_connector, {"name": NAME, "config": config})
    states("RUNNING", "RUNNING")

    # Views.
    assert NAME in client.list_connectors()
    assert client.list_connectors(pattern="python-.*", state="RUNNING") == [NAME]
    assert client.list_connectors(expand="info", pattern="python-.*")[NAME]["info"]["type"] == "source"
    assert client.get_connector(NAME)["tasks"] == [{"connector": NAME, "task": 0}]
    assert client.get_connector_config(NAME) == {"name": NAME, **config}
    assert client.list_connector_tasks(NAME)[0]["id"] == {"connector": NAME, "task": 0}
    assert client.get_connector_task_status(NAME, 0)["state"] == "RUNNING"
    eventually("topics", lambda: client.list_connector_topics(NAME) == {NAME: {"topics": [NAME]}})
    client.reset_connector_topics(NAME)

    # Pause, stop, restarts.
    client.pause_all_connectors(pattern="python-.*")
    states("PAUSED", "PAUSED")
    client.resume_all_connectors(pattern="python-.*", state="PAUSED")
    states("RUNNING", "RUNNING")
    client.stop_connector(NAME)
    states("STOPPED")
    client.resume_connector(NAME)
    states("RUNNING", "RUNNING")
    assert client.restart_connector(NAME) is None
    states("RUNNING", "RUNNING")
    planned = client.restart_connector(NAME, include_tasks=True)
    assert planned["connector"]["state"] == planned["tasks"][0]["state"] == "RESTARTING", planned
    states("RUNNING", "RUNNING")
    assert client.restart_connector(NAME, include_tasks=True, only_failed=True)["tasks"][0]["state"] == "RUNNING"
    client.restart_connector_task(NAME, 0)
    states("RUNNING", "RUNNING")

    # A new config, and no more connector.
    assert client.update_connector(NAME, {**config, "batch.size": "7"})["config"]["batch.size"] == "7"
    eventually("new task config", lambda: [t["config"].get("batch.size") for t in client.list_connector_tasks(NAME)] == ["7"])
    states("RUNNING", "RUNNING")
    client.delete_connector(NAME)
    eventually("gone", lambda: NAME not in client.list_connectors())
    refused(404, client.get_connector, NAME)
    refused(404, client.delete_connector, NAME)
    refused(404, client.pause_connector, NAME)
    refused(404, client.restart_connector, NAME)
    refused(404, client.restart_connector_task, NAME, 0)
    refused(404, client.get_connector_task_status, NAME, 0)


main(*sys.argv[1:])
