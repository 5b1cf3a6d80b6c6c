"""`fanfold deploy` of an overlay with the Argo UI: which URLs it is told, its secret, and how auth gets to know it."""

import base64
import json
from typing import Any

import pytest

from tests.client.cluster.kubectl_stand_in import StandIn
from tests.client.cluster.test_deploy import DEPLOYMENT, NAMESPACE, SERVICES, deploy, standing
from tests.client.cluster.test_deploy import kubectl as kubectl  # the fixture

UI = [
    {"kind": "Deployment", "metadata": {"name": "argo-ui"}, "spec": {"template": {"spec": {}}}},
    {"kind": "Service", "metadata": {"name": "argo-ui"}, "spec": {"ports": [{"port": 2746, "nodePort": 30003}]}},
]
SECRET = {"data": {"client-secret": base64.b64encode(b"known to both").decode()}}


def config(name: str, **data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": name}, "data": data}


AUTH = config("fanfold-auth-5x7k", FANFOLD_AUTH_ISSUER="http://auth:1337")
OBJECTS = [NAMESPACE, DEPLOYMENT, *SERVICES, *UI, AUTH, config("argo-ui", columns="[]")]


@pytest.fixture
def ui(kubectl: StandIn) -> StandIn:
    """A cluster that the overlay with the Argo UI goes to."""
    kubectl.render(*OBJECTS)
    kubectl.answer("get deployments,", {"items": [standing(), standing("argo-ui", 1, 1)]})
    kubectl.answer("get secret argo-ui-client .*-o json", SECRET)
    return kubectl


def literals(kubectl: StandIn) -> dict[str, dict[str, str]]:
    """What the kustomization that is applied adds to ConfigMaps."""
    (applied,) = kubectl.calls("apply -k")
    assert applied.kept
    added = applied.kept["kustomization.yaml"].get("configMapGenerator", [])
    assert all(each["behavior"] == "merge" for each in added)
    return {each["name"]: dict(text.split("=", 1) for text in each["literals"]) for each in added}


@pytest.mark.thorough
def test_it_is_told_where_browsers_reach_the_services(ui, capsys):
    assert deploy("--json") == 0
    added = literals(ui)
    assert added["fanfold-auth"] == {"FANFOLD_AUTH_PUBLIC_URL": "http://192.0.2.7:30001"}
    assert added["fanfold-submit"] == {"FANFOLD_SUBMIT_ARGO_UI": "http://192.0.2.7:30003"}
    sso, (link,) = json.loads(added["argo-ui"]["sso"]), json.loads(added["argo-ui"]["links"])
    assert (sso["issuer"], sso["redirectUrl"], sso["sessionExpiry"]) == ("http://auth:1337", "", "1h")
    assert sso["rbac"] == {"enabled": True}
    assert link["url"] == "http://192.0.2.7:30002/v1/jobs/${workflow.metadata.labels.fanfold.dev/job}"
    assert json.loads(capsys.readouterr().out)["argo_ui"] == "http://192.0.2.7:30003"


@pytest.mark.thorough
def test_auth_gets_to_know_it_by_a_secret_that_is_random_and_on_no_command_line(ui, capsys):
    assert deploy() == 0
    made = json.loads(ui.calls("create -f -")[-1].stdin)
    assert made["metadata"]["name"] == "argo-ui-client" and made["stringData"]["client-id"] == "argo-server"
    assert len(made["stringData"]["client-secret"]) >= 40
    (registered,) = ui.calls("fanfold_auth client")
    assert registered.words.endswith(
        "exec -i deployment/auth -- python -m fanfold_auth client argo-server --secret-stdin --no-pkce "
        "--redirect-uri http://192.0.2.7:30003/oauth2/callback --redirect-uri http://127.0.0.1:2746/oauth2/callback "
        "--plain-http"
    )
    assert registered.stdin == "known to both\n"
    assert made["stringData"]["client-secret"] not in " ".join(call.words for call in ui.calls())
    assert "argo-ui   http://192.0.2.7:30003\n" in capsys.readouterr().out


@pytest.mark.thorough
def test_a_secret_that_is_there_is_kept(ui):
    ui.answer("get secret argo-ui-client .*-o name", "secret/argo-ui-client\n")
    assert deploy() == 0
    assert "argo-ui-client" not in [json.loads(call.stdin)["metadata"]["name"] for call in ui.calls("create -f -")]


@pytest.mark.thorough
def test_behind_an_ingress_its_url_is_told_since_it_sees_no_tls(ui):
    def ingress(name: str) -> dict[str, Any]:
        paths = [{"backend": {"service": {"name": name}}}]
        rules = [{"host": f"{name}.example.net", "http": {"paths": paths}}]
        return {"kind": "Ingress", "metadata": {"name": name}, "spec": {"tls": [{}], "rules": rules}}

    ui.render(*OBJECTS, *map(ingress, ("auth", "submit", "argo-ui")))
    assert deploy() == 0
    sso = json.loads(literals(ui)["argo-ui"]["sso"])
    assert sso["redirectUrl"] == "https://argo-ui.example.net/oauth2/callback"
    assert literals(ui)["fanfold-auth"] == {"FANFOLD_AUTH_PUBLIC_URL": "https://auth.example.net"}
    (registered,) = ui.calls("fanfold_auth client")
    assert registered.words.endswith("--no-pkce --redirect-uri https://argo-ui.example.net/oauth2/callback")


@pytest.mark.thorough
def test_where_nodes_have_no_ports_it_is_reached_by_forwarding(ui):
    closed = [{**each, "spec": {"ports": [{"port": 1}]}} for each in (*SERVICES, UI[1])]
    ui.render(NAMESPACE, DEPLOYMENT, UI[0], *closed, AUTH, config("argo-ui"))
    assert deploy("--no-nodeports") == 0
    assert literals(ui)["fanfold-auth"] == {"FANFOLD_AUTH_PUBLIC_URL": "http://127.0.0.1:1337"}
    assert literals(ui)["fanfold-submit"] == {"FANFOLD_SUBMIT_ARGO_UI": "http://127.0.0.1:2746"}


@pytest.mark.thorough
def test_what_an_overlay_configures_itself_is_left_alone(ui):
    sso = "issuer: http://auth:1337\nredirectUrl: https://tools.example.net/argo/oauth2/callback\n"
    ui.render(*OBJECTS[:-1], config("argo-ui", sso=sso))
    assert deploy() == 0
    assert literals(ui) == {}
    (registered,) = ui.calls("fanfold_auth client")
    assert registered.words.endswith("--redirect-uri https://tools.example.net/argo/oauth2/callback")


@pytest.mark.parametrize(
    ("sso", "words"),
    [
        ("issuer: https://other.example.net", "expects tokens of https://other.example.net, but auth issues those of"),
        ("[1]", "is not a mapping"),
        ("{", "is not YAML"),
    ],
)
def test_a_login_that_could_not_work_is_refused_before_anything_changes(ui, capsys, sso, words):
    ui.render(*OBJECTS[:-1], config("argo-ui", sso=sso))
    assert deploy() == 3
    assert words in capsys.readouterr().err
    assert not ui.calls(" (apply|create|exec) ")


@pytest.mark.thorough
def test_it_is_started_anew_when_what_it_was_told_changes(ui):
    assert deploy() == 0
    before = literals(ui)["argo-ui-server"]["FANFOLD_ARGO_UI_CONFIG"]
    (ui.folder / "calls").unlink()
    ui.answer("get nodes", {"items": [{"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.8"}]}}]})
    assert deploy() == 0
    assert literals(ui)["argo-ui-server"]["FANFOLD_ARGO_UI_CONFIG"] != before
