"""Advice names the study at hand, so that what is pasted acts on it and on no other."""

from pathlib import Path

import pytest

from pipeline.hints import name_study


@pytest.mark.parametrize(
    ("text", "config", "said"),
    [
        ("run make corpus", "census.toml", "run make corpus"),
        ("run make corpus", "studies/bio/census.toml", "run make corpus STUDY=bio"),
        (
            "make draw ROUND=a N=5; make report",
            "studies/b/census.toml",
            "make draw STUDY=b ROUND=a N=5; make report STUDY=b",
        ),
        ("make check STUDY=x CODER=a", "studies/b/census.toml", "make check STUDY=x CODER=a"),
        ("make status", "my study/own.toml", "make status CONFIG='my study/own.toml'"),
        (
            "make sure that make report works",
            "other/census.toml",
            "make sure that make report CONFIG=other/census.toml works",
        ),
        ("make freeze-groups", "studies/b/census.toml", "make freeze-groups STUDY=b"),
    ],
)
def test_every_command_names_its_study(
    text: str, config: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = {"corpus", "draw", "report", "check", "status", "freeze-groups"}
    assert name_study(text, Path(config), commands) == said
