"""The program `minikube`, with the node of tests/cluster behind it: for what README.md and the Makefile ask of it.

Only building is exchanged: an image that is asked for is the one that tests/cluster has built already, under the name
that it was asked for by. Nothing else knows that this is no minikube.

    minikube start …                                       what is pulled elsewhere gets its name here; the label
    minikube ip
    minikube [--profile P] image ls
    minikube [--profile P] image build … --tag NAME …
"""

import json
import subprocess
import sys
from pathlib import Path

from tests.cluster.images import ARGO, ETCD, MINIO, REGISTRY
from tests.cluster.layout import CONTAINERD_SOCKET, NODE, NODE_ADDRESS

PULLED = {
    f"quay.io/coreos/etcd:{ETCD.version}": ETCD.tag,
    f"quay.io/argoproj/argocli:{ARGO.version}": ARGO.tag,
}
PROGRAM = """#!/bin/sh
cd {checkout} && exec {python} -m tests.argo.minikube_stand_in "$@"
"""
CTR = ["ctr", "-a", str(CONTAINERD_SOCKET), "-n", "k8s.io", "images"]


def install(folder: Path) -> None:
    """Write the program into a folder of PATH."""
    program = folder / "minikube"
    checkout = Path(__file__).resolve().parents[2]
    program.write_text(PROGRAM.format(checkout=checkout, python=sys.executable))
    program.chmod(0o755)


def remove_images(version: str) -> None:
    """Take the names that were given away, so that nothing of it is left for other tests."""
    names = [*PULLED, *(f"docker.io/library/fanfold-{name}:{version}" for name in ("steps", "auth", "submit", "minio"))]
    subprocess.run([*CTR, "rm", *names], check=True, capture_output=True)


def main(words: list[str]) -> None:
    if words[:1] == ["--profile"]:
        assert words[1] == "minikube"
        words = words[2:]
    match words:
        case ["start", *_]:
            for name, built in PULLED.items():
                _tag(built, name)
            _kubectl("label", "--overwrite", "node", NODE, "minikube.k8s.io/name=minikube")
        case ["ip"]:
            print(NODE_ADDRESS)
        case ["image", "ls"]:
            print(subprocess.run([*CTR, "ls", "-q"], check=True, capture_output=True, text=True).stdout, end="")
        case ["image", "build", *options]:
            context, file = Path(options[-1]), options[options.index("--file") + 1]
            assert (context / file).is_file() and list(context.glob("fanfold-*.whl"))
            tag = options[options.index("--tag") + 1]
            name = tag.partition(":")[0]
            built = MINIO.tag if name == "fanfold-minio" else f"{REGISTRY}/{name}:test"
            _tag(built, f"docker.io/library/{tag}")
            print(f"built {tag} from {json.dumps(options)}")
        case _:
            sys.exit(f"this minikube can't {' '.join(words)}")


def _tag(built: str, name: str) -> None:
    subprocess.run([*CTR, "tag", "--force", built, name], check=True, capture_output=True)


def _kubectl(*words: str) -> None:
    subprocess.run(["kubectl", *words], check=True, capture_output=True, timeout=60)


if __name__ == "__main__":
    main(sys.argv[1:])
