"""Probes that tell the client what it said."""

from __future__ import annotations

from sockwright.services.probes.told import about, fields_of, json, origin_of
from sockwright.wire.exchange import HTML, Request, Response


def get(request: Request) -> Response:
    """Tell what was asked."""
    return json(about(request))


def post(request: Request) -> Response:
    """Tell what was asked, and what came with it."""
    return json(about(request, "data"))


def anything(request: Request) -> Response:
    """Tell everything about a request of any method."""
    return json(about(request, "data", "method"))


def headers(request: Request) -> Response:
    """Tell the fields."""
    return json({"headers": fields_of(request)})


def ip(request: Request) -> Response:
    """Tell where the request came from."""
    return json({"origin": origin_of(request)})


def user_agent(request: Request) -> Response:
    """Tell which program asks."""
    return json({"user-agent": request.fields.get("user-agent") or None})


_FORM = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A form</title></head><body>
<form method="post" action="{place}">
<p><label>Customer name: <input name="custname"></label></p>
<p><label>Telephone: <input type="tel" name="custtel"></label></p>
<p><label>E-mail: <input type="email" name="custemail"></label></p>
<fieldset><legend>Size</legend>
<label><input type="radio" name="size" value="small">small</label>
<label><input type="radio" name="size" value="medium">medium</label>
<label><input type="radio" name="size" value="large">large</label></fieldset>
<fieldset><legend>Toppings</legend>
<label><input type="checkbox" name="topping" value="bacon">bacon</label>
<label><input type="checkbox" name="topping" value="cheese">cheese</label>
<label><input type="checkbox" name="topping" value="onion">onion</label>
<label><input type="checkbox" name="topping" value="mushroom">mushroom</label></fieldset>
<p><label>Delivery: <input type="time" name="delivery"></label></p>
<p><label>Comments: <textarea name="comments"></textarea></label></p>
<p><button>Order</button></p>
</form></body></html>
"""


def form(request: Request) -> Response:
    """Answer with a form that goes to /post."""
    return Response(_FORM.format(place=request.path.removesuffix("/forms/post") + "/post"), type=HTML)
