"""A server with the APIs of GitHub and the Marketplace's catalog.

Responses come from tagged git trees. It is independent of the Microsoft simulator.
"""

from base64 import b64encode
from dataclasses import dataclass, field
import io
import json
import os
from pathlib import Path
import subprocess
from typing import Any, Self
import zipfile

from aiohttp import web
from aiohttp.test_utils import TestServer

REPOSITORY = "ms-teams-presence/ms-teams-presence"
REPOSITORY_ID = 1
DOMAIN = "ms_teams_presence"
_COMMIT = "0" * 40
# Without the user's hooks and settings.
_ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
_IDENTITY = ("-c", "user.name=Maintainer", "-c", "user.email=maintainer@example.com")


@dataclass
class Tagged:
    """A temporary repository with this project's files."""

    git_dir: Path
    work_tree: Path

    def git(self, *arguments: str | Path, work_tree: Path | None = None) -> bytes:
        """Run git in the repository."""
        place = (f"--git-dir={self.git_dir}", f"--work-tree={work_tree or self.work_tree}")
        return subprocess.run(  # noqa: S603
            ("git", *_IDENTITY, *place, *arguments),  # noqa: S607
            cwd=work_tree or self.work_tree,
            env=_ENVIRONMENT,
            capture_output=True,
            check=True,
        ).stdout

    @classmethod
    def of(cls, source: Path, folder: Path) -> Self:
        """Commit a working tree's files to a new repository."""
        tagged = cls(folder / "repository.git", folder / "tree")
        tagged.work_tree.mkdir(parents=True)
        tagged.git("init", "--quiet")
        tagged.git("add", "--all", work_tree=source)
        tagged.git("commit", "--quiet", "--message", "Everything")
        tagged.git("checkout", "--quiet", "--force", "HEAD")
        return tagged

    def release(self, version: str) -> None:
        """Set the manifest's version, commit, and tag."""
        path = self.work_tree / f"custom_components/{DOMAIN}/manifest.json"
        manifest = json.loads(path.read_text())
        path.write_text(json.dumps(manifest | {"version": version}, indent=2))
        self.git("commit", "--quiet", "--all", "--allow-empty", "--message", version)
        self.git("tag", f"v{version}")

    def archive(self, tag: str) -> bytes:
        """Return GitHub's ZIP archive of a tag."""
        return self.git("archive", "--format=zip", f"--prefix=ms-teams-presence-{tag}/", tag)


def files(archive: bytes) -> dict[str, bytes]:
    """Return an archive's files by path."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {
            name.partition("/")[2]: opened.read(name)
            for name in opened.namelist()
            if not name.endswith("/")
        }


@dataclass
class GitHub:
    """GitHub's API and downloads, and the catalog."""

    tagged: Tagged
    releases: list[str] = field(default_factory=list)
    catalog: bool = False
    """Whether the catalog lists the repository."""
    requests: list[str] = field(default_factory=list)
    """The path of every request."""

    def __post_init__(self) -> None:
        """Create the routes, with one path prefix per host."""
        app = web.Application(middlewares=[self._record])
        repository = f"/api/repos/{REPOSITORY}"
        app.add_routes(
            [
                web.get("/api/rate_limit", self._rate_limit),
                web.get(repository, self._repository),
                web.get(f"{repository}/releases", self._releases),
                web.get(f"{repository}/branches/main", self._branch),
                web.get(f"{repository}/git/trees/{{ref:.+}}", self._tree),
                web.get(f"{repository}/contents/{{path:.+}}", self._contents),
                web.get(f"/raw/{REPOSITORY}/{{ref}}/{{path:.+}}", self._raw),
                web.get(f"/github/{REPOSITORY}/archive/refs/tags/{{tag}}.zip", self._archive),
                web.get("/catalog/{section}/data.json", self._section),
            ]
        )
        self._server = TestServer(app)

    async def __aenter__(self) -> Self:
        """Start the server."""
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the server."""
        await self._server.close()

    def url(self, host: str) -> str:
        """Return the base URL of a host."""
        return str(self._server.make_url(f"/{host}"))

    def release(self, version: str) -> None:
        """Publish a release."""
        self.tagged.release(version)
        self.releases.insert(0, version)

    def files(self, version: str) -> dict[str, bytes]:
        """Return the files of a release."""
        return files(self.tagged.archive(f"v{version}"))

    @web.middleware
    async def _record(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(request.path)
        response: web.StreamResponse = await handler(request)
        return response

    def _file(self, ref: str, path: str) -> bytes:
        try:
            return self.tagged.git("cat-file", "blob", f"{ref}:{path}")
        except subprocess.CalledProcessError as err:
            raise web.HTTPNotFound from err

    async def _rate_limit(self, _: web.Request) -> web.Response:
        core = {"limit": 5000, "remaining": 5000, "reset": 0, "used": 0}
        return web.json_response({"resources": {"core": core}})

    async def _repository(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "id": REPOSITORY_ID,
                "full_name": REPOSITORY,
                "description": "Microsoft Teams Presence for Home Assistant",
                "default_branch": "main",
                "archived": False,
                "pushed_at": "2026-11-21T00:00:00Z",
            }
        )

    async def _releases(self, _: web.Request) -> web.Response:
        return web.json_response(
            [
                {
                    "tag_name": f"v{version}",
                    "name": f"v{version}",
                    "prerelease": False,
                    "assets": [],
                }
                for version in self.releases
            ]
        )

    async def _branch(self, _: web.Request) -> web.Response:
        return web.json_response({"name": "main", "commit": {"sha": _COMMIT}})

    async def _tree(self, request: web.Request) -> web.Response:
        names = self.tagged.git("ls-tree", "-r", "-t", "-z", request.match_info["ref"]).decode()
        entries = [entry.partition("\t") for entry in names.strip("\0").split("\0")]
        tree = [{"type": about.split()[1], "path": path} for about, _, path in entries]
        return web.json_response({"sha": _COMMIT, "tree": tree, "truncated": False})

    async def _contents(self, request: web.Request) -> web.Response:
        content = self._file(request.query["ref"], request.match_info["path"])
        return web.json_response({"content": b64encode(content).decode(), "encoding": "base64"})

    async def _raw(self, request: web.Request) -> web.Response:
        return web.Response(body=self._file(request.match_info["ref"], request.match_info["path"]))

    async def _archive(self, request: web.Request) -> web.Response:
        return web.Response(body=self.tagged.archive(request.match_info["tag"]))

    async def _section(self, request: web.Request) -> web.Response:
        section = request.match_info["section"]
        if section in {"removed", "critical"}:
            return web.json_response([])
        if section != "integration" or not self.catalog:
            return web.json_response({})
        manifest = json.loads(self._file(f"v{self.releases[0]}", "hacs.json"))
        return web.json_response(
            {
                str(REPOSITORY_ID): {
                    "description": "Microsoft Teams Presence for Home Assistant",
                    "domain": DOMAIN,
                    "etag_repository": "",
                    "full_name": REPOSITORY,
                    "last_fetched": 1,
                    "last_updated": "2026-11-21T00:00:00Z",
                    "last_version": f"v{self.releases[0]}",
                    "manifest": {"name": manifest["name"]},
                    "manifest_name": manifest["name"],
                }
            }
        )
