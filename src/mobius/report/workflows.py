"""The steps that our workflows share, and the actions of others that they use, each pinned to one commit."""

from __future__ import annotations

# The commit of a release says what runs; a tag can be moved.
UPLOAD = "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1"
DOWNLOAD = "actions/download-artifact@37930b1c2abaa49bbe596cd826c3c89aef350131 # v7.0.0"
PYTHON = "actions/setup-python@83679a892e2d95755f2dac6acb0bfd1e9ac5d548 # v6.1.0"

FETCH = """\
      - name: Fetch the commit
        env:
          TOKEN: ${{ github.token }}
          COMMIT: ${{ github.sha }}
        run: |
          git init --quiet .
          basic=$(printf 'x-access-token:%s' "$TOKEN" | base64 | tr -d '\\n')
          git -c "http.extraheader=AUTHORIZATION: basic $basic" fetch --quiet --tags \\
            "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY.git" "$COMMIT"
          git checkout --quiet FETCH_HEAD"""
INSTALL = f"""\
      - name: Set up Python
        uses: {PYTHON}
        with:
          python-version: "3.13"
      - name: Install mobius
        run: python -m pip install --quiet "$MOBIUS_SOURCE\""""


def steps() -> dict[str, str]:
    """By the name that a template has for them."""
    return {"fetch": FETCH, "python": INSTALL, "upload": UPLOAD, "download": DOWNLOAD}
