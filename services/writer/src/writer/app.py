"""Composition root of the writer: builds the clients, wires the parts, owns the tasks."""

import asyncio
from weakref import WeakValueDictionary

import aiohttp

from tenantry_common import (
    bus,
    cluster_secrets,
    contracts,
    credentials,
    kv,
    leases,
    reports,
    runtime,
    streams,
    subjects,
    tasks,
)
from tenantry_common.subjects import JobRef
from writer import (
    addresses,
    allow,
    deliver,
    endpoint,
    exchange,
    push_endpoint,
    telemeter_endpoint,
    telemeter_upload,
)
from writer.assign import Lane
from writer.backfills import Backfills
from writer.config import Config
from writer.conversions import Conversions
from writer.deliver_loop import Cursor, DeliverLoop
from writer.dispatch import Dispatch
from writer.lanes import Lanes
from writer.metrics import Metrics
from writer.push_cleanup import Cleanup
from writer.push_group import Group, GroupLoading
from writer.report import Report
from writer.tally import Tally


async def main(settings: Config, process: runtime.Runtime) -> None:
    """Deliver until `process.stopping` is set, then drain."""
    process.readiness.set("jobs", False, "not read yet")
    async with (
        cluster_secrets.configured(settings) as secrets,
        process.connect() as connection,
        exchange.session(settings.request_timeout_seconds) as inside,
        exchange.session(
            settings.request_timeout_seconds,
            addresses.GuardedResolver(addresses.parse(settings.remote_write_allow_networks)),
        ) as outside,
    ):
        await tasks.until(process.stopping, streams.ensure(connection, settings.nats))
        if not process.stopping.is_set():
            await Writer(settings, process, connection, inside, outside, secrets).run()


class Writer:
    """The parts of one running instance, and who tells whom."""

    def __init__(
        self,
        settings: Config,
        process: runtime.Runtime,
        connection: bus.Bus,
        inside: aiohttp.ClientSession,
        outside: aiohttp.ClientSession,
        secrets: credentials.Source,
    ) -> None:
        self._process = process
        self._bus = connection
        self._inside = inside
        self._outside = outside  # for URLs that tenants choose
        self._secrets = secrets
        self._patience = deliver.Patience(
            first=settings.retry_first_seconds,
            limit=settings.retry_limit_seconds,
            after_limit=settings.retry_after_limit_seconds,
            fault=settings.fault_retry_seconds,
            poison_tries=settings.poison_tries,
        )
        self._cursor = Cursor(
            ack_wait=settings.ack_wait_seconds,
            idle=settings.consumer_idle_seconds,
            patience=settings.backfill_patience_seconds,
        )
        self._converted = Conversions()
        self._metrics = Metrics(process.registry)
        self._jobs = kv.KvView(connection, subjects.JOBS, contracts.decode_job)
        self._holders = kv.KvView(connection, subjects.LEASES, contracts.decode_lease)
        self._requests = kv.KvView(connection, subjects.BACKFILLS, contracts.decode_backfill)
        self._backfills = Backfills(lambda: self._requests.snapshot)
        self._membership = leases.Lease(
            connection,
            subjects.member_lease(process.service, process.instance),
            process.instance,
        )
        self._lanes = Lanes(self._make_loop)
        self._groups: WeakValueDictionary[tuple[JobRef, str, str], Group] = WeakValueDictionary()
        self._uploaders: WeakValueDictionary[tuple[JobRef, str, str], telemeter_upload.Uploader] = (
            WeakValueDictionary()
        )
        self._cleanup = Cleanup(
            connection,
            process.instance,
            self._jobs,
            self._holders,
            self._push_target,
            again_after=settings.request_timeout_seconds,
            on_error=self._metrics.errors.inc,
        )
        self._dispatch = Dispatch(
            connection,
            process.instance,
            self._jobs,
            self._holders,
            allow.parse(settings.remote_write_allow),
            self._lanes.apply,
        )
        self._report = Report(
            self._metrics,
            tallies=lambda: self._lanes.tallies,
            refusals=lambda: self._dispatch.assignment.refusals,
            backfills=self._backfills,
        )
        self._reporter = reports.Reporter(
            connection,
            "writer",
            process.instance,
            self._report.say,
            on_error=self._metrics.errors.inc,
        )
        self._metrics.lanes.set_function(lambda: len(self._lanes.tallies))
        process.pages.add_json("/debug/lanes", self._page)

    async def run(self) -> None:
        """Work until the process is to stop; then stop intake, drain, and withdraw the reports."""
        async with asyncio.TaskGroup() as group:
            tasks.spawn(group, "lanes", self._lanes.run())
            background = [
                tasks.spawn(group, name, work)
                for name, work in (
                    ("backfills", self._requests.run()),
                    ("jobs", self._jobs.run()),
                    ("members", self._holders.run()),
                    ("membership", leases.keep(self._membership)),
                    ("readiness", self._tell_ready()),
                    ("reports", self._reporter.run()),
                    ("dispatch", self._dispatch.run()),
                    ("push cleanup", self._cleanup.run()),
                )
            ]
            await self._process.stopping.wait()
            for task in reversed(background):
                await tasks.cancel(task)
            await self._lanes.drain()
            await self._reporter.withdraw()

    def _make_loop(self, lane: Lane) -> DeliverLoop:
        post, loading = self._post_of(lane)
        return DeliverLoop(
            self._bus,
            lane,
            post,
            patience=self._patience,
            cursor=self._cursor,
            tally=Tally(lane, self._metrics),
            metrics=self._metrics,
            backfills=self._backfills,
            loading=loading,
        )

    def _post_of(self, lane: Lane) -> tuple[deliver.Post, deliver.Loading]:
        if lane.endpoint.kind == "pushgateway":
            group = self._group(lane)
            return group.post, GroupLoading(group)
        if lane.endpoint.kind == "telemeter":
            upload = telemeter_upload.LaneUpload(self._uploader(lane), subjects.samples(lane.shard))
            return upload.post, upload
        tenant = lane.shard.job.tenant
        chosen = lane.endpoint.kind == "remote_write" or lane.endpoint.oauth2 is not None
        target = endpoint.HttpEndpoint(
            self._outside if chosen else self._inside,
            tenant,
            lane.endpoint,
            self._secrets,
            speak=lane.protocol,
            converted=self._converted,
        )
        return target.post, deliver.AsItIs()

    def _group(self, lane: Lane) -> Group:
        """Return the group that the lanes of all shards of the job share."""
        job = lane.shard.job
        key = (job, lane.endpoint.id, contracts.digest((lane.endpoint, lane.interval_ms)))
        group = self._groups.get(key)
        if group is None:
            target = self._push_target(
                contracts.PushGroup(tenant=job.tenant, job=job.name, endpoint=lane.endpoint)
            )
            group = self._groups[key] = Group(
                self._bus, job, lane.endpoint, target.put, interval_ms=lane.interval_ms
            )
        return group

    def _uploader(self, lane: Lane) -> telemeter_upload.Uploader:
        """Return the uploads that the lanes of all shards of the job share."""
        job = lane.shard.job
        key = (job, lane.endpoint.id, contracts.digest(lane.endpoint))
        uploader = self._uploaders.get(key)
        if uploader is None:
            target = telemeter_endpoint.TelemeterEndpoint(
                self._outside, job.tenant, lane.endpoint, self._secrets
            )
            uploader = self._uploaders[key] = telemeter_upload.Uploader(
                target,
                telemeter_upload.following(self._bus),
                interval=lane.endpoint.upload_interval_ms / 1000,
                limit=lane.endpoint.upload_bytes,
            )
        return uploader

    def _push_target(self, group: contracts.PushGroup) -> push_endpoint.PushEndpoint:
        return push_endpoint.PushEndpoint(self._inside, group.tenant, group.endpoint, self._secrets)

    async def _tell_ready(self) -> None:
        await self._jobs.newer(0)
        await self._requests.newer(0)
        self._process.readiness.set("jobs", True)

    def _page(self) -> object:
        return {str(job): progress for job, progress in self._report.say().items()}
