"""What Argo does with a Workflow, as far as these tests need it: it fills in variables, and starts containers.

Containers run as processes on this machine. All tasks of a group that nothing holds back start together.
"""

import json
import os
import re
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Values = dict[str, str]


@dataclass
class ArgoStandIn:
    """One Workflow, from its submission on; its uid stays when it is run again, as `argo retry` does."""

    manifest: dict[str, Any]
    values: Values = field(default_factory=dict)
    """The values with which it is submitted."""
    folder: Path | None = None
    """Where containers whose image is none of Fanfold's find nothing but Python."""
    globals: Values = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)
    """What pods wrote to stderr."""
    pods: list[str] = field(default_factory=list)
    """The templates and steps of the pods that were started."""

    def __post_init__(self) -> None:
        kind = self.manifest["kind"]
        self.spec = self.manifest["spec"]["workflowSpec"] if kind == "CronWorkflow" else self.manifest["spec"]
        self.templates = {template["name"]: template for template in self.spec["templates"]}
        self.globals |= {
            "workflow.uid": str(uuid.uuid4()),
            "workflow.name": "test",
            "workflow.namespace": "fanfold",
            "workflow.creationTimestamp.s": str(int(time.time())),
        }

    def run(self) -> bool:
        """Run it; whether all went well."""
        given = {one["name"]: one.get("value") for one in self.spec.get("arguments", {}).get("parameters", [])}
        arguments = {**given, **self.values}
        assert None not in arguments.values(), f"Argo demands a value for each of {arguments}"
        known = {f"workflow.parameters.{name}": value for name, value in arguments.items()}
        self.globals |= {name: self._filled(value, self.globals) for name, value in known.items()}
        arguments = {name: self._filled(value, self.globals) for name, value in arguments.items()}
        return self._run(self.spec["entrypoint"], arguments)

    def _run(self, name: str, arguments: Values) -> bool:
        template = self.templates[name]
        wanted = [one["name"] for one in template.get("inputs", {}).get("parameters", [])]
        scope = {f"inputs.parameters.{one}": arguments[one] for one in wanted} | self.globals
        if "container" in template:
            return self._container(template, scope)
        if "steps" in template:
            return all(self._group(group, scope) for group in template["steps"])
        return self._dag(template["dag"]["tasks"], scope)

    def _dag(self, tasks: list[dict[str, Any]], scope: Values) -> bool:
        left, done = list(tasks), set[str]()
        while left:
            ready = [task for task in left if set(re.findall(r"[\w-]+", task.get("depends", ""))) <= done]
            assert ready, f"a circle: {left}"
            if not self._group(ready, scope):
                return False
            done |= {task["name"] for task in ready}
            left = [task for task in left if task not in ready]
        return True

    def _group(self, tasks: list[dict[str, Any]], scope: Values) -> bool:
        nodes = [node for task in tasks for node in self._expanded(task, scope)]
        with ThreadPoolExecutor(max(1, len(nodes))) as threads:
            return all(list(threads.map(lambda node: self._run(*node), nodes)))

    def _expanded(self, task: dict[str, Any], scope: Values) -> list[tuple[str, Values]]:
        items: list[Any] = [None]
        if "withSequence" in task:
            items = list(range(int(self._filled(task["withSequence"]["count"], scope))))
        items = task.get("withItems", items)
        if "withParam" in task:
            items = json.loads(self._filled(task["withParam"], scope))
        nodes = []
        for item in items:
            own = scope | ({} if item is None else _of_item(item))
            if "when" in task:
                left, operator, right = self._filled(task["when"], own).split()
                assert operator in ("==", "!=")
                if (left == right) != (operator == "=="):
                    continue
            given = task.get("arguments", {}).get("parameters", [])
            nodes.append((task["template"], {one["name"]: self._filled(one["value"], own) for one in given}))
        return nodes

    def _container(self, template: dict[str, Any], scope: Values) -> bool:
        container = template["container"]
        words = [self._filled(word, scope) for word in [*container["command"], *container.get("args", [])]]
        variables = {one["name"]: self._filled(one.get("value", ""), scope) for one in container.get("env", [])}
        variables = {name: value for name, value in variables.items() if not name.startswith(("AWS_", "FANFOLD_T"))}
        variables.pop("FANFOLD_REPORT", None)
        self.pods.append(f"{template['name']} {words[3] if 'fanfold_steps' in words else ''}".strip())
        if words[0] in ("python3", "python"):
            words[0] = sys.executable
        done = subprocess.run(words, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120)
        self.printed.append(done.stderr)
        return done.returncode == 0

    def _filled(self, text: str, scope: Values) -> str:
        text = re.sub(r"\{\{=(.+?)\}\}", lambda match: _evaluated(match[1], scope), str(text))
        for _ in range(2):  # a value may hold a variable that all of a Workflow know
            text = re.sub(r"\{\{([^={}]+)\}\}", lambda match: scope.get(match[1].strip(), match[0]), text)
        return text


def _of_item(item: Any) -> Values:
    if isinstance(item, dict):
        return {f"item.{name}": str(value) for name, value in item.items()}
    return {"item": str(item)}


def _evaluated(expression: str, scope: Values) -> str:
    """The one form of expression that Fanfold's templates have: a condition, and two values."""
    match = re.fullmatch(r"(.+) \? (\S+) : (\S+)", expression)
    assert match, expression
    condition = re.sub(r"inputs\.parameters\.[\w-]+", lambda name: json.dumps(scope[name[0]]), match[1])
    condition = condition.replace("&&", "and").replace("asInt(", "int(")
    return scope[match[2] if eval(condition) else match[3]]
