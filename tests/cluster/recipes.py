"""What the cluster is made of: every binary, the Go module it comes from, and the version it is pinned to."""

from dataclasses import dataclass, field

KUBERNETES = "v1.34.4"
STAGING = KUBERNETES.replace("v1.", "v0.", 1)
ETCD = "v3.7.3"
CNI = "v1.9.1"
ARGO = "v3.7.18"
COREDNS = "v1.14.7"
NETWORK_POLICIES = "v0.8.0"
MINIO = "v0.0.0-20260212201848-7aac2a2c5b7c"
VERSITYGW = "v1.8.0"
PAUSE = "3.10"
BUILD_DATE = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Recipe:
    """Binaries that one `go build` makes, side by side, so that their links overlap."""

    name: str
    module: str
    version: str
    packages: tuple[str, ...]
    modules: tuple[str, ...] = ()
    """Further modules of the same version that the packages lie in."""
    rename: tuple[tuple[str, str], ...] = ()
    """Binaries that Go would give another name than the one they are known by."""
    stamps: tuple[tuple[str, str], ...] = ()
    """Variables set at link time, where a program asks its own version."""
    folder: str = "bin"
    page: "Page | None" = field(default=None, repr=False)
    """The web UI that one of the programs embeds."""

    @property
    def binaries(self) -> tuple[str, ...]:
        """The names of the files that are made, in the order of the packages."""
        names = dict(self.rename)
        return tuple(names.get(base, base) for base in map(binary_name, self.packages))


@dataclass(frozen=True)
class Change:
    """A change to the sources of a package: what matches the pattern, in files that the glob names, is replaced."""

    files: str
    pattern: str
    replacement: str


@dataclass(frozen=True)
class Page:
    """A web UI that webpack makes of a program's own sources and of npm's packages."""

    version: str
    library: str
    """The one package of which a release takes the place of a commit."""
    release: str
    integrity: str
    """The checksum of the release that `changes` were written for."""
    added: tuple[tuple[str, str], ...]
    """Packages that the UI or the library uses without declaring them, and their versions."""
    overrides: tuple[tuple[str, str], ...]
    """The versions that the library's own dependencies get; `$NAME` is the UI's own."""
    tools: tuple[str, ...]
    """Of the packages for development, those that bundling takes."""
    changes: tuple[Change, ...]


def binary_name(package: str) -> str:
    """What `go build` calls the binary of an import path: its last element that is no version."""
    *_, before, last = package.split("/")
    return before if last[0] == "v" and last[1:].isdigit() else last


def _kubernetes_stamps() -> tuple[tuple[str, str], ...]:
    _, minor, _ = KUBERNETES.removeprefix("v").split(".")
    facts = {"gitVersion": KUBERNETES, "gitMajor": "1", "gitMinor": minor, "gitCommit": "0" * 40,
             "gitTreeState": "clean", "buildDate": BUILD_DATE}  # fmt: skip
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple((f"{package}.{name}", value) for package in packages for name, value in facts.items())


def _argo_stamps(module: str) -> tuple[tuple[str, str], ...]:
    facts = {"version": ARGO, "gitTag": ARGO, "gitCommit": "0" * 40, "gitTreeState": "clean", "buildDate": BUILD_DATE}
    return tuple((f"{module}.{name}", value) for name, value in facts.items())


_K8S = "k8s.io/kubernetes"
_CNI = "github.com/containernetworking/plugins"
_ARGO = "github.com/argoproj/argo-workflows/v3"

ETCD_RECIPE = Recipe(
    "etcd", "go.etcd.io/etcd/server/v3", ETCD,
    packages=("go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/etcdctl/v3"),
    modules=("go.etcd.io/etcd/etcdctl/v3",),
    rename=(("server", "etcd"),),
)  # fmt: skip
KUBERNETES_RECIPE = Recipe(
    "kubernetes", _K8S, KUBERNETES,
    packages=tuple(f"{_K8S}/cmd/{name}" for name in (
        "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")),
    stamps=_kubernetes_stamps(),
)  # fmt: skip
ARGO_PAGE = Page(
    ARGO, "argo-ui", "1.0.0",
    "sha512-NvV47SAcVdTZeTm59EVw09u8ZdbXUo2kPdLCveJ8kbBAsFZ3pbYgDGcB9xE61iWCgM1l82sdczUp4NAfGOdCAQ==",
    added=(("rxjs", "^7.8.1"), ("uuid", "3.4.0")),
    overrides=(
        ("rxjs", "$rxjs"), ("react", "$react"), ("react-dom", "$react-dom"), ("react-toastify", "9.0.3"),
        ("@fortawesome/fontawesome-free", "$@fortawesome/fontawesome-free"),
    ),
    tools=(
        "@fortawesome/fontawesome-free", "copy-webpack-plugin", "esbuild-loader", "html-webpack-plugin",
        "monaco-editor-webpack-plugin", "raw-loader", "sass", "sass-loader", "style-loader", "webpack", "webpack-cli",
    ),
    changes=(
        # Called as functions, which a namespace isn't.
        Change("**/*.ts*", r"import \* as (classNames|moment|ReactAutocomplete) ", r"import \1 "),
        # The UI computes with the Date that a Ticker hands it.
        Change("components/ticker.tsx", r"^import moment.*$", ""),
        Change("components/ticker.tsx", r"moment\.Moment", "Date"),
        Change("components/ticker.tsx", r"moment\(\)", "new Date()"),
        # How two things look.
        Change("components/autocomplete/autocomplete.tsx", r"autoHighlight=\{true\}",
               "autoHighlight={props.autoHighlight !== false}"),
        Change("components/select/select.scss", r"\Z", ".select__value { min-height: 1.75em; }\n"),
    ),
)  # fmt: skip
CNI_RECIPE = Recipe(
    "cni", _CNI, CNI,
    packages=tuple(f"{_CNI}/plugins/{name}" for name in (
        "main/bridge", "main/loopback", "ipam/host-local", "meta/portmap")),
    folder="cni",
)  # fmt: skip
ARGO_RECIPE = Recipe(
    "argo", _ARGO, ARGO,
    packages=tuple(f"{_ARGO}/cmd/{name}" for name in ("argoexec", "workflow-controller", "argo")),
    stamps=_argo_stamps(_ARGO),
    page=ARGO_PAGE,
)  # fmt: skip
COREDNS_RECIPE = Recipe("coredns", "github.com/coredns/coredns", COREDNS, packages=("github.com/coredns/coredns",))
NETWORK_POLICIES_RECIPE = Recipe(
    "kube-network-policies", "sigs.k8s.io/kube-network-policies", NETWORK_POLICIES,
    packages=("sigs.k8s.io/kube-network-policies/cmd",),
    rename=(("cmd", "kube-network-policies"),),
)  # fmt: skip
MINIO_RECIPE = Recipe("minio", "github.com/minio/minio", MINIO, packages=("github.com/minio/minio",))
VERSITYGW_RECIPE = Recipe(
    "versitygw", "github.com/versity/versitygw", VERSITYGW, packages=("github.com/versity/versitygw/cmd/versitygw",)
)

CLUSTER = (
    ETCD_RECIPE, KUBERNETES_RECIPE, CNI_RECIPE, ARGO_RECIPE, COREDNS_RECIPE, NETWORK_POLICIES_RECIPE, MINIO_RECIPE,
)  # fmt: skip
OPTIONAL = (VERSITYGW_RECIPE,)
