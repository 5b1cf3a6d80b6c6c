"""Whether a run of a job may still reach what the job was admitted for: its owner may have lost that meanwhile.

Asked whenever workers are started, and when somebody asks for a retry. A job's own files stay its owner's; what may be
lost are a team's files, by leaving the group, and the folder in the shared area, which a namesake may have by now.
"""

from fanfold_submit.jobs.job import Job
from fanfold_submit.jobs.places import shared_folder
from fanfold_submit.jobs.shared import SharedFolders
from fanfold_submit.refusals import DelegationEnded, ReachLost
from fanfold_submit.tokens.standing import StandingDelegations


class Reach:
    """What owners may reach now. Methods may raise StorageError."""

    def __init__(self, standing: StandingDelegations, shared: SharedFolders) -> None:
        self._standing, self._shared = standing, shared

    def demand(self, job: Job) -> None:
        """See that the job's next workers may reach what it names. Raises ReachLost, AuthAway."""
        if job.team is not None:
            self._demand_member(job, job.team)
        if job.output is not None and job.submitted_by_admin is False and (name := shared_folder(job.output)):
            self._demand_folder(job, name)

    def _demand_member(self, job: Job, team: str) -> None:
        try:
            owner = self._standing.now(job.owner_id)
        except DelegationEnded as error:
            what = f"{job.owner!r} may not submit jobs for the team {team!r} any more."
            raise ReachLost(f"{what} {error.detail}") from None
        if owner.id != job.owner_id or team not in owner.teams:
            raise ReachLost(
                f"{job.owner!r} isn't in the group {team!r} any more, so the job may not reach files of that team. "
                "Have a member submit it."
            )
        if not owner.may("submitter"):
            own = ", ".join(owner.roles) or "none"
            raise ReachLost(f"{job.owner!r} may not submit jobs any more; their roles: {own}.")

    def _demand_folder(self, job: Job, name: str) -> None:
        if self._shared.owner_of(name) != job.owner_id:
            raise ReachLost(
                f"@shared/{name}/ doesn't belong to the owner of the job any more, so it may not write there. "
                "Submit it with another output."
            )
