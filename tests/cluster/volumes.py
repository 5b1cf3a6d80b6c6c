"""The node's storage class: a folder for every claim, as minikube's provisioner gives one.

It runs as a daemon, from this file alone: it follows all claims and answers each new one with a PersistentVolume. When
the claim is deleted, kube-controller-manager deletes volume and folder, which it does only below some `/tmp/`.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "fanfold.dev/folder",
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "Immediate",
}
FIELDS = ("namespace", "name", "uid")


def command(kubectl: Path, kubeconfig: Path, folder: Path, link: Path) -> list[str]:
    """The daemon's command line; Python is called by the name of `link`, since daemons are known by theirs."""
    link.symlink_to(Path(sys.executable).resolve())
    return [str(link), "-u", __file__, str(kubectl), str(kubeconfig), str(folder)]


def follow(kubectl: str, kubeconfig: str, folder: Path) -> None:
    """Give every claim of the class a volume, until the API server ends the watch."""
    words = [kubectl, f"--kubeconfig={kubeconfig}"]
    watch = [*words, "get", "persistentvolumeclaims", "--all-namespaces", "--watch", "--output=json"]
    with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as claims:
        assert claims.stdout is not None
        text = ""
        for line in claims.stdout:
            text += line
            if line == "}\n":  # kubectl indents all but an object's first and last line
                claim, text = json.loads(text), ""
                if claim["spec"].get("storageClassName") == "standard" and "volumeName" not in claim["spec"]:
                    volume = json.dumps(_volume(claim, folder))
                    subprocess.run([*words, "apply", "--server-side", "-f", "-"], input=volume, text=True, check=False)


def _volume(claim: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A volume for this claim only, on a folder that everybody may write: no pod is root."""
    meta, spec = claim["metadata"], claim["spec"]
    place = folder / meta["uid"]
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o777)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{meta['uid']}"},
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": spec["resources"]["requests"],
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **{name: meta[name] for name in FIELDS}},
            "hostPath": {"path": str(place)},
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": "standard",
        },
    }


if __name__ == "__main__":
    kubectl, kubeconfig, folder = sys.argv[1:]
    os.environ["KUBECACHEDIR"] = f"{folder}/kubectl-cache"
    while True:
        follow(kubectl, kubeconfig, Path(folder))
        time.sleep(0.5)
