"""What a tenant may see of files and exceptions: its own, and of others not even that they are."""

from updater.domain.errors import FeedFileNotFound, IncidentNotFound
from updater.domain.feed import FeedFile, Incident
from updater.usecases.ports_store import FeedStore, IncidentStore


async def file_of(feeds: FeedStore, tenant: str, feed_id: str) -> FeedFile:
    """Return a tenant's file. Raises FeedFileNotFound: one error for none and for another's."""
    found = await feeds.find(feed_id)
    if found is None or found.tenant != tenant:
        raise FeedFileNotFound("the tenant has no such feed file")
    return found


async def incident_of(incidents: IncidentStore, tenant: str, exception_id: int) -> Incident:
    """Return a tenant's exception. Raises IncidentNotFound likewise."""
    found = await incidents.get(exception_id)
    if found is None or found.tenant != tenant:
        raise IncidentNotFound("the tenant has no such exception")
    return found
