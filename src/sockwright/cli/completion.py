"""`completion`: the script that lets a shell complete our verbs and flags."""

from __future__ import annotations

import os

import click

from sockwright.cli import manners

SHELLS = ("bash", "zsh", "fish")

# shell -> how to have it in every new one
INSTALL = {
    "bash": 'eval "$(sockwright completion bash)"                  # in ~/.bashrc',
    "zsh": 'eval "$(sockwright completion zsh)"                   # in ~/.zshrc, behind compinit',
    "fish": "sockwright completion fish > ~/.config/fish/completions/sockwright.fish",
}

EXAMPLES = "\b\nInstall it once:\n" + "\n".join(f"  {line}" for line in INSTALL.values())


@click.command("completion", epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def command(shell: str | None) -> None:
    """Print the completion script for SHELL (your own where it is not named)."""
    from click.shell_completion import get_completion_class

    from sockwright.cli import group

    if shell is None:
        shell = os.path.basename(os.environ.get("SHELL", ""))
        if shell not in SHELLS:
            raise click.UsageError(f"Which shell? {', '.join(SHELLS)}.")
    maker = get_completion_class(shell)
    if maker is None:
        raise manners.Stop(manners.USAGE, f"this version of click knows nothing of {shell}")
    made = maker(group, {}, "sockwright", "_SOCKWRIGHT_COMPLETE")
    # click's own `source` looks for a bash of the right age first; printing needs none.
    script = made.source_template % made.source_vars()
    click.echo(f"# Completion of sockwright for {shell}. Install: {INSTALL[shell].partition('  ')[0]}")
    click.echo(script.strip())
