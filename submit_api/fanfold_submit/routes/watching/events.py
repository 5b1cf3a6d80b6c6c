"""A job's events, as a stream."""

from contextlib import ExitStack
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Request, Response

from fanfold_submit.http.access import TheService, Viewer
from fanfold_submit.http.event_stream import EventStream, EventStreamResponse
from fanfold_submit.http.problems import refusals
from fanfold_submit.refusals import AuthAway, NoSuchJob, TooManyStreams
from fanfold_submit.routes.jobs import JobId
from fanfold_web.http.openapi import headers
from fanfold_web.refusals import Invalid, Unauthenticated
from fanfold_web.tokens.authorization import bearer_token

router = APIRouter(tags=["jobs"])
_TEXT: dict[str, Any] = {"type": "string"}
_EVENT: dict[str, Any] = {
    "type": "object",
    "description": "One event of the stream; `data` is JSON",
    "properties": {
        "event": {**_TEXT, "enum": ["job", "waiting", "anew", "end"]},
        "id": {**_TEXT, "description": "Of `job` and `end`: the revision of the job's record"},
        "data": {**_TEXT, "description": "Of `job`: the job, as GET /v1/jobs/{job_id} shows it"},
    },
    "required": ["event", "data"],
}


@router.get(
    "/v1/jobs/{job_id}/events",
    status_code=200,
    summary="Follow a job",
    response_class=EventStreamResponse,
    responses={
        200: {
            "description": "Events, until the job has ended",
            "content": {EventStreamResponse.media_type: {"schema": _EVENT}},
            **headers("Cache-Control"),
        },
        **refusals(NoSuchJob, TooManyStreams, Invalid),
    },
)
async def follow_job(
    job_id: JobId,
    caller: Viewer,
    service: TheService,
    request: Request,
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", description="The id of the last event seen: those after it follow"),
    ] = None,
) -> Response:
    """The job's changes of state and progress, as server-sent events. The first is the job as it stands.

    A `job` event has the job as data, and its revision as id; a `waiting` event says why a queued job still waits, and
    at which place. The stream ends with the job, by an `end` event, or with the access token: connect again with
    another, and with the last id seen as `Last-Event-ID`. Nothing is missed then, nor repeated; if too much was missed,
    an `anew` event says so, and the job as it stands follows.
    """
    await to_thread.run_sync(lambda: service.jobs.visible(job_id, to=caller))
    if request.method == "HEAD":
        return Response(media_type=EventStreamResponse.media_type)
    token = bearer_token(request.headers.get("Authorization"))

    async def may_stay() -> bool:
        try:
            if not service.tokens.recall(token):
                await to_thread.run_sync(service.tokens.verify, token)
        except Unauthenticated:
            return False
        except AuthAway:
            return True
        return True

    seat = ExitStack()
    seat.enter_context(service.followers.take(caller.id))
    stream = EventStream(service, job_id, last_event_id, may_stay)
    return EventStreamResponse(stream, on_end=seat.close)
