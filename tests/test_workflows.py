"""The GitHub workflows: what a schema and an audit can see offline, and what they cannot, since it is about this repository."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import make_axis_page
import make_wheel
import make_zip
import publish_notebooks
import pytest
import standalone
import yaml
from bench import pythons

pytestmark = pytest.mark.deep

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
BIN = Path(sys.executable).parent
PIN = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
WRITES = {  # what each job may write, and nothing else may
    ("publish", "deploy"): {"pages", "id-token"},
    ("publish", "release"): {"contents"},
    ("weekly", "report"): {"issues"},
}


def load(path):
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # `on` stays a word


def jobs(path):
    return load(path)["jobs"].items()


def scripts(path):
    return [step["run"] for _, job in jobs(path) for step in job["steps"] if "run" in step]


def named(value):
    return value.stem if isinstance(value, Path) else str(value)


def audit(folder):
    return subprocess.run(
        [BIN / "zizmor", "--offline", "--no-progress", "--persona", "pedantic", folder], capture_output=True, text=True
    )


def schema(*paths):
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *paths]
    return subprocess.run(command, capture_output=True, text=True)


def test_there_are_these_three():
    assert [path.stem for path in FILES] == ["publish", "test", "weekly"]


def test_the_workflows_have_the_form_that_github_reads():
    done = schema(*FILES)
    assert done.returncode == 0, done.stdout


def test_the_schema_sees_a_misspelt_key(tmp_path):
    path = tmp_path / "test.yml"
    path.write_text((FOLDER / "test.yml").read_text("utf-8").replace("timeout-minutes", "timeout-minute"), "utf-8")
    assert schema(path).returncode != 0


def test_the_audit_finds_nothing():
    done = audit(FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("permissions: {}", "permissions: write-all"),
        ("run: make test", "run: echo ${{ github.head_ref }}"),
        ("  pull_request:", "  pull_request_target:"),
    ],
)
def test_the_audit_sees(right, wrong, tmp_path):
    folder = shutil.copytree(FOLDER, tmp_path / ".github" / "workflows")
    path = folder / "test.yml"
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    assert audit(folder).returncode != 0


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(path):
    uses = [line.strip().removeprefix("- ") for line in path.read_text("utf-8").splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if not PIN.fullmatch(line)] == []


def test_an_action_has_one_pin_in_all_workflows():
    pins = {pin for path in FILES for pin in re.findall(r"uses: (\S+@\S+)", path.read_text("utf-8"))}
    assert len(pins) == len({pin.split("@")[0] for pin in pins})


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_is_permitted_but_what_a_job_asks_for(path):
    assert load(path)["permissions"] == {}
    for name, job in jobs(path):
        writes = {scope for scope, level in job["permissions"].items() if level == "write"}
        assert writes == WRITES.get((path.stem, name), set()), f"{path.stem}: {name}"
        assert set(job["permissions"].values()) <= {"read", "write"}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_job_ends_by_itself_and_runs_on_a_named_system(path):
    for name, job in jobs(path):
        longest = 355 if name == "deep" else 120  # GitHub itself ends a job after 360, and says nothing
        assert 5 <= int(job["timeout-minutes"]) <= longest, name
        assert job["runs-on"] == "ubuntu-24.04", name
    assert load(path)["concurrency"]["group"]


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_checkout_keeps_no_credentials(path):
    steps = [
        step for _, job in jobs(path) for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert steps
    assert {step["with"]["persist-credentials"] for step in steps} == {"false"}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_what_runs_every_test_has_the_history_that_one_reads(path):
    for name, job in jobs(path):
        if "make test" in [step.get("run") for step in job["steps"]]:
            assert job["steps"][0]["with"]["fetch-depth"] == "0", name


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_script_takes_its_inputs_from_the_environment(path):
    assert [script for script in scripts(path) if "${{" in script] == []


@pytest.mark.parametrize("path", FILES, ids=named)
def test_what_a_workflow_calls_is_there(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for script in scripts(path):
        assert set(re.findall(r"\bmake ([a-z-]+)", script)) <= targets
        for file in re.findall(r"(?:^|[\s/\"])((?:tools|book|tests)/[\w./-]+\.\w+)", script):
            assert (ROOT / file).is_file(), f"{path.name} names {file}"


def test_every_tool_of_the_book_that_a_workflow_needs_is_seen_by_the_test_above():
    called = {file for path in FILES for script in scripts(path) for file in re.findall(r"tools/\w+\.py", script)}
    assert called == {
        "tools/colab_versions.py",
        "tools/peft_range.py",
        "tools/publish_notebooks.py",
        "tools/run_published.py",
    }


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_script_is_a_script_that_bash_can_read(path):
    for script in scripts(path):
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_tests_run_on_push_and_on_pull_request():
    workflow = load(FOLDER / "test.yml")
    assert set(workflow["on"]) == {"push", "pull_request"}
    assert scripts(FOLDER / "test.yml") == ["make test"]


def test_the_oldest_and_the_newest_python_are_tested_on_every_push():
    (job,) = load(FOLDER / "test.yml")["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == [pythons.VERSIONS[0], pythons.VERSIONS[-1]]
    (setup,) = (step for step in job["steps"] if "setup-python" in step.get("uses", ""))
    assert setup["with"]["python-version"] == "${{ matrix.python }}"


def test_the_branch_that_a_release_writes_is_the_one_the_week_reads_and_has_no_slash():
    """nbviewer finds nothing on a branch with a slash."""
    named = [
        re.findall(r'"(\w+\W)\$\{\w+#v\}"', "\n".join(scripts(path)))
        for path in (FOLDER / "publish.yml", FOLDER / "weekly.yml")
    ]
    assert named == [["published-"], ["published-"]]


def test_a_release_is_tested_before_anything_is_published():
    built = dict(jobs(FOLDER / "publish.yml"))
    assert load(FOLDER / "publish.yml")["on"] == {"push": {"tags": ["v*"]}}
    assert "make test" in [step.get("run") for step in built["build"]["steps"]]
    assert built["deploy"]["needs"] == "build"
    assert "build" in built["release"]["needs"]


def test_the_week_says_so_when_anything_fails():
    built = dict(jobs(FOLDER / "weekly.yml"))
    others = set(built) - {"report"}
    assert set(built["report"]["needs"]) == others
    assert "always()" in built["report"]["if"]
    assert {"schedule", "workflow_dispatch"} == set(load(FOLDER / "weekly.yml")["on"])
    script = built["report"]["steps"][0]["run"]
    assert "gh issue create" in script
    assert "gh issue comment" in script


# ---- the scripts, run with a gh that only writes down what it is asked


def run_step(path, job, name, folder, *, answers=None, **environment):
    """Run a step's script as GitHub does, in `folder`. Gives the finished process and the lines that gh was called with."""
    step = next(step for step in dict(jobs(path))[job]["steps"] if step.get("name") == name)
    cases = "\n".join(f'  "{start}"*) printf "%s\\n" "{said}" ;;' for start, said in (answers or {}).items())
    tools = folder / "bin"
    tools.mkdir()
    (tools / "gh").write_text(f'#!/bin/bash\necho "$*" >> "{folder}/asked"\ncase "$*" in\n{cases}\n  *) ;;\nesac\n')
    (tools / "gh").chmod(0o755)
    env = {
        "PATH": f"{tools}:{BIN}:/usr/bin:/bin",
        "HOME": str(folder),
        "GITHUB_ENV": str(folder / "env"),
        **environment,
    }
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]], cwd=folder, env=env, capture_output=True, text=True
    )
    asked = folder / "asked"
    return done, asked.read_text(encoding="utf-8").splitlines() if asked.exists() else []


REPORT = {
    "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "someone/book", "GITHUB_RUN_ID": "7",
    "COLAB": "failure", "VERSIONS": "cancelled", "DEEP": "success", "LINKS": "success",
}  # fmt: skip


def report(folder, **answers):
    done, asked = run_step(
        FOLDER / "weekly.yml",
        "report",
        "Open an issue, or add to the one that is open",
        folder,
        answers=answers,
        **REPORT,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in asked if line.startswith(("issue create", "issue comment"))]


def test_the_first_failure_opens_an_issue_that_leads_to_the_log(tmp_path):
    (line,) = report(tmp_path)
    assert line.startswith("issue create")
    assert "https://github.com/someone/book/actions/runs/7" in line
    assert (
        "image: failure. Notebooks and figures with Colab's versions: cancelled. Tools and mutants: success. "
        "Links to other sites: success." in line
    )


def test_the_next_failure_is_added_to_the_open_issue(tmp_path):
    (line,) = report(tmp_path, **{"issue list": "42"})
    assert line.startswith("issue comment 42 ")


def test_a_tag_that_is_not_the_books_version_stops_the_release(tmp_path):
    (tmp_path / "book").symlink_to(ROOT / "book")
    name = "The tag is the book's version"
    done, _ = run_step(FOLDER / "publish.yml", "build", name, tmp_path, GITHUB_REF_NAME="v0.0.0")
    assert done.returncode == 1
    assert "::error::The tag is v0.0.0" in done.stdout


def test_a_published_branch_is_pushed_once_and_never_changed(tmp_path):
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    git("init", "--bare", "--quiet", "someone/book")
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "1-law.ipynb").write_text("first")
    step = (FOLDER / "publish.yml", "release", "Push the notebooks, once")
    where = {"GITHUB_SERVER_URL": str(tmp_path), "GITHUB_REPOSITORY": "someone/book", "GITHUB_REF_NAME": "v0.9.0"}
    done, _ = run_step(*step, tmp_path, **where)
    assert done.returncode == 0, done.stderr
    assert git("-C", "someone/book", "show", "published-0.9.0:1-law.ipynb") == "first"

    (tmp_path / "published" / "1-law.ipynb").write_text("second")
    shutil.rmtree(tmp_path / "bin")
    done, _ = run_step(*step, tmp_path, **where)
    assert done.returncode == 0, done.stderr
    assert "stays as it is" in done.stdout
    assert git("-C", "someone/book", "show", "published-0.9.0:1-law.ipynb") == "first"


ATTACHED = ["dora-magnitude-0.9.0.zip", "dora_axis-0.9.0-py3-none-any.whl", "which-axis.html"]


@pytest.mark.parametrize("there", [[], ATTACHED[:1], ATTACHED])
def test_what_a_release_has_not_is_attached_and_what_it_has_is_never_replaced(there, tmp_path):
    for file in ATTACHED:
        (tmp_path / file).touch()
    name = "Attach the archive, the command and the page to the release, once"
    step = (FOLDER / "publish.yml", "release", name)
    answers = {"release view": "\n".join(there)}
    done, asked = run_step(*step, tmp_path, answers=answers, GITHUB_REF_NAME="v0.9.0")
    assert done.returncode == 0, done.stderr
    sent = [line.removeprefix("release upload v0.9.0 ") for line in asked if line.startswith("release upload")]
    assert sent == [file for file in ATTACHED if file not in there]
    assert done.stdout.count("stays as it is") == len(there)


def test_a_release_is_rehearsed_with_what_the_tools_make(site, tmp_path, monkeypatch):
    """From the built site to the branch and the attached files, twice; what GitHub itself does is all that is left out."""
    build, version = tmp_path / "_build", standalone.version()
    build.mkdir()
    (build / "html").symlink_to(site)
    monkeypatch.setattr(make_zip, "BUILD", build)
    make_zip.main()
    make_wheel.make(build)
    make_axis_page.make(build)
    publish_notebooks.main([str(build / "published")])
    (build / "html").unlink()
    [artifact] = [
        step["with"]["path"].split()
        for _, job in jobs(FOLDER / "publish.yml")
        for step in job["steps"]
        if step.get("with", {}).get("name") == "release" and "path" in step["with"]
    ]
    carried = {path for pattern in artifact for path in tmp_path.glob(pattern)}
    assert carried == {path for path in build.iterdir() if path.name != ".lock"} and len(carried) == len(artifact)

    subprocess.run(["git", "init", "--bare", "--quiet", "someone/book"], cwd=build, check=True)
    where = {"GITHUB_SERVER_URL": str(build), "GITHUB_REPOSITORY": "someone/book", "GITHUB_REF_NAME": f"v{version}"}
    sent = []
    for there in ([], sent):
        for name in ("Push the notebooks, once", "Attach the archive, the command and the page to the release, once"):
            shutil.rmtree(build / "bin", ignore_errors=True)
            (build / "asked").unlink(missing_ok=True)
            done, asked = run_step(
                FOLDER / "publish.yml", "release", name, build, answers={"release view": "\n".join(there)}, **where
            )
            assert done.returncode == 0, done.stderr
        uploads = [line.split()[-1] for line in asked if line.startswith("release upload")]
        assert uploads == ([] if there else sorted(path.name for path in carried if path.is_file()))
        sent += uploads
    said = ["git", "-C", "someone/book", "ls-tree", "--name-only", f"published-{version}"]
    pushed = subprocess.run(said, cwd=build, capture_output=True, text=True, check=True).stdout.split()
    assert pushed == sorted(path.name for path in (build / "published").iterdir() if path.name != ".git")


def test_who_releases_is_told_to_let_the_tags_deploy():
    """GitHub's own environment for Pages admits the default branch alone."""
    [tags] = load(FOLDER / "publish.yml")["on"]["push"]["tags"]
    [environment] = {job["environment"]["name"] for _, job in jobs(FOLDER / "publish.yml") if "environment" in job}
    told = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    assert f"Settings, Environments, {environment}, add the tag rule `{tags}`" in told
