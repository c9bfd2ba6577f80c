"""The manifests for Kubernetes are sound, and say the same as the topology that the pods are given.

They are put together here as kustomize does; where kubectl is installed, its kustomize must come to the same.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from posturelab.topology.model import Topology
from posturelab.topology.nodes import MntNode, PsnNode, SwitchNode, WebNode
from tests.posturelab.documents import load_topology

FOLDER = Path(__file__).parents[2] / "deploy"
SECRETS = {"posturelab": {"token", "broker"}, "posturelab-authority": {"lab-ca.crt", "lab-ca.key"}}
"""What docs/networks.md tells the reader to make."""

Manifest = dict[str, Any]


def read(path: str) -> list[Manifest]:
    return list(yaml.safe_load_all((FOLDER / path).read_text(encoding="utf-8")))


def merge(own: Any, common: Any) -> Any:
    """Merge as a strategic patch does: mappings by key, lists of named things by name."""
    if isinstance(own, dict) and isinstance(common, dict):
        return {**own, **{key: merge(own[key], value) if key in own else value for key, value in common.items()}}
    if isinstance(own, list) and isinstance(common, list):
        named = {entry["name"]: entry for entry in own}
        merged = [merge(named.pop(entry["name"], {}), entry) for entry in common]
        return merged + list(named.values())
    return common


def render() -> list[Manifest]:
    """Put all manifests together; names of generated ones are without their hashes."""
    (kustomization,) = read("kustomization.yaml")
    (patch,) = kustomization["patches"]
    (common,) = read(patch["path"])
    del common["metadata"]["name"]
    manifests = [manifest for path in kustomization["resources"] for manifest in read(path)]
    rendered = [merge(entry, common) if entry["kind"] == patch["target"]["kind"] else entry for entry in manifests]
    for entry in kustomization["configMapGenerator"]:
        data = {name: (FOLDER / path).read_text() for name, _, path in (file.partition("=") for file in entry["files"])}
        metadata = {"name": entry["name"]}
        rendered.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    return rendered


def select(kind: str) -> dict[str, Manifest]:
    return {entry["metadata"]["name"]: entry for entry in render() if entry["kind"] == kind}


def pod(deployment: Manifest) -> Manifest:
    template: Manifest = deployment["spec"]["template"]
    return template


def container(deployment: Manifest) -> Manifest:
    (only,) = pod(deployment)["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def list_ports(topology: Topology, name: str) -> set[tuple[int, str]]:
    """List what a node listens on, the older pair of RADIUS ports aside."""
    ports = {(topology.control.node_port or 0, "TCP")}
    match topology.nodes[name]:
        case PsnNode(ports=its):
            ports |= {(its.authentication[0], "UDP"), (its.accounting[0], "UDP")}
            ports |= {(its.portal, "TCP"), (its.posture, "TCP"), (its.internode, "TCP")}
        case MntNode() as node:
            ports |= {(node.syslog_port, "UDP"), (node.api_port, "TCP")}
        case SwitchNode() as node:
            ports |= {(node.coa_port, "UDP"), (node.coa_rfc_port, "UDP")}
            ports |= {(port.proxy_port, "TCP") for port in node.access_ports.values()}
        case WebNode():
            ports |= {(topology.http_port, "TCP")}
    return ports


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Topology:
    """The topology that the pods are given."""
    path = tmp_path_factory.mktemp("configmap") / "topology.yaml"
    path.write_text(select("ConfigMap")["topology"]["data"]["topology.yaml"], encoding="utf-8")
    return load_topology(str(path))


def test_every_node_of_the_topology_is_a_deployment_at_its_address(topology: Topology) -> None:
    deployments = select("Deployment")
    assert deployments.keys() == topology.nodes.keys()
    for name, deployment in deployments.items():
        (asked,) = json.loads(pod(deployment)["metadata"]["annotations"]["cni.projectcalico.org/ipAddrs"])
        assert asked == topology.nodes[name].address


def test_a_deployment_runs_its_node_alone_and_selects_its_own_pod() -> None:
    for name, deployment in select("Deployment").items():
        spec, labels = deployment["spec"], pod(deployment)["metadata"]["labels"]
        assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
        assert spec["selector"]["matchLabels"] == {"posturelab/node": name}
        assert labels["posturelab/node"] == name
        variables = {entry["name"]: entry for entry in container(deployment)["env"]}
        assert variables["NODE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['posturelab/node']"
        assert container(deployment)["args"][:2] == ["node", "$(NODE)"]


def test_a_pod_opens_what_its_node_listens_on(topology: Topology) -> None:
    for name, deployment in select("Deployment").items():
        ports = container(deployment)["ports"]
        assert {(port["containerPort"], port["protocol"]) for port in ports} == list_ports(topology, name)
        assert max(Counter(port["name"] for port in ports).values()) == 1
        assert all(len(port["name"]) <= 15 for port in ports)


def test_a_pod_needs_no_root_and_writes_into_its_volumes_alone() -> None:
    for deployment in select("Deployment").values():
        assert pod(deployment)["spec"]["securityContext"]["runAsNonRoot"] is True
        security = container(deployment)["securityContext"]
        assert (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"]) == (True, False)
        assert security["capabilities"] == {"drop": ["ALL"]}


def test_whatever_a_pod_refers_to_exists() -> None:
    maps, claims = select("ConfigMap"), select("PersistentVolumeClaim")
    claimed = []
    for name, deployment in select("Deployment").items():
        volumes = {volume["name"]: volume for volume in pod(deployment)["spec"]["volumes"]}
        mounts = container(deployment)["volumeMounts"]
        assert {mount["name"] for mount in mounts} == volumes.keys()
        assert volumes["topology"]["configMap"]["name"] in maps
        keys = {mount["subPath"] for mount in mounts if "subPath" in mount}
        assert keys == SECRETS[volumes["authority"]["secret"]["secretName"]]
        if claim := volumes["state"].get("persistentVolumeClaim"):
            claimed.append(claim["claimName"])
            assert claim["claimName"] == name
        for variable in container(deployment)["env"]:
            if secret := variable.get("valueFrom", {}).get("secretKeyRef"):
                assert secret["key"] in SECRETS[secret["name"]]
    assert sorted(claimed) == sorted(claims)


def test_a_service_leads_to_ports_of_one_node() -> None:
    deployments = select("Deployment")
    for name, service in select("Service").items():
        assert service["spec"]["selector"] == {"posturelab/node": name}
        opened = {port["name"]: port for port in container(deployments[name])["ports"]}
        for port in service["spec"]["ports"]:
            target = opened[port["targetPort"]]
            assert (port["port"], port["protocol"]) == (target["containerPort"], target["protocol"])


def test_radius_comes_in_by_udp_with_the_address_of_the_device(topology: Topology) -> None:
    services = select("Service")
    for name in topology.select(PsnNode):
        spec = services[name]["spec"]
        assert spec["externalTrafficPolicy"] == "Local"
        assert {port["port"] for port in spec["ports"] if port["protocol"] == "UDP"} == {1812, 1813}


def test_the_pool_holds_every_address_and_is_not_laid_on_with_the_rest(topology: Topology) -> None:
    (pool,) = read("kubernetes/calico-pool.yaml")
    assert all(IPv4Address(node.address) in IPv4Network(pool["spec"]["cidr"]) for node in topology.nodes.values())
    assert not any(entry["kind"] == "IPPool" for entry in render())


def test_kustomize_comes_to_the_same() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    command = ["kubectl", "kustomize", str(FOLDER)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    output = re.sub(r"\btopology-[a-z0-9]{10}\b", "topology", output)
    rendered = {(entry["kind"], entry["metadata"]["name"]): entry for entry in yaml.safe_load_all(output)}
    for entry in render():
        found = rendered.pop((entry["kind"], entry["metadata"]["name"]))
        assert found["metadata"].pop("namespace") == "posturelab"
        if entry["kind"] == "Deployment":
            container(entry)["image"] = "posturelab:latest"
        assert sort(found) == sort(entry)
    assert not rendered


def sort(value: Any) -> Any:
    """Put lists of mappings into one order."""
    if isinstance(value, dict):
        return {key: sort(entry) for key, entry in value.items()}
    if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
        return sorted((sort(entry) for entry in value), key=lambda entry: json.dumps(entry, sort_keys=True))
    return value


def test_the_schemas_of_kubernetes_hold() -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for entry in render():
        validator.validate(entry, "1.32", strict=True)
