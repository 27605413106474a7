"""What people see: the page that plays Teams, and the pages of the sign-in.

Everything is escaped by jinja2; whatever changes something is a POST from the page itself.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web
import jinja2

from .control import state
from .faults import Handler
from .identity import AskAccount, AskConsent, Decision, Go, SignInError
from .tenant import DELEGATED

if TYPE_CHECKING:
    from .server import Simulator

_HERE: Final = Path(__file__).parent
_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def render(template: str, *, status: int = 200, **context: object) -> web.Response:
    """Answer with a page."""
    text = _TEMPLATES.get_template(template).render(context)
    return web.Response(text=text, content_type="text/html", status=status)


def refusal(error: SignInError) -> web.Response:
    """Show the page on which a sign-in stops."""
    return render("message.html", status=400, title="Sign-in stopped", text=error.text)


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what another site sends to change something."""
    origin = request.headers.get("Origin")
    if request.method not in {"GET", "HEAD"} and origin and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="This page only listens to itself.")
    return await handler(request)


def sign_in_routes(simulator: Simulator) -> list[web.RouteDef]:
    """Return the pages that a sign-in shows."""
    identity = simulator.identity

    async def authorize(request: web.Request) -> web.Response:
        form = await request.post()
        account = str(form["account"]) if "account" in form else None
        decision: Decision | None = None
        if form.get("decision") in {"accept", "deny", "cancel"}:
            decision = form["decision"]  # type: ignore[assignment]
        try:
            wanted = identity.read_authorization(request.match_info["tenant"], request.query)
            step = identity.step(wanted, account, decision)
        except SignInError as error:
            if error.location is None:
                return refusal(error)
            return _go(error.location)
        match step:
            case Go(location):
                return _go(location)
            case AskConsent(person, scopes):
                words = [(scope, DELEGATED[scope]) for scope in scopes]
                return render("consent.html", person=person, app=wanted.app, scopes=words)
            case AskAccount():
                people = list(simulator.tenant.people.values())
                return render("account.html", people=people, app=wanted.app, hint=wanted.login_hint)

    return [
        web.get("/{tenant}/oauth2/v2.0/authorize", authorize),
        web.post("/{tenant}/oauth2/v2.0/authorize", authorize),
    ]


def _go(location: str) -> web.Response:
    return web.Response(status=302, headers={"Location": location})


def routes(simulator: Simulator) -> list[web.RouteDef]:
    """Return the page that plays Teams."""

    async def home(request: web.Request) -> web.Response:
        return web.json_response(state(simulator))

    async def health(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    return [web.get("/", home), web.get("/health", health)]
