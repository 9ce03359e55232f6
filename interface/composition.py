"""The composition root: the one place where everything is built, from the settings."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version

from application.access.audit import AuditTrail
from application.access.authentication import Authenticator
from application.access.key_management import KeyService
from application.access.sessions import SessionService
from application.access.tokens import TokenRules, TokenVerifier
from application.files.exports import ExportService
from application.files.import_items import ImportService
from application.following.follower import Follower
from application.history import HistoryService
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.probe import Probe
from application.persistence import environment
from application.persistence.recorder import LedgerRecorder
from application.reads import ReadService
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.sync import SyncService
from application.review import ReviewService
from application.sealing.identity import name_log
from application.sealing.proofs import ProofService
from application.sealing.sealer import Sealer
from application.sealing.signer import CheckpointSigner, hook
from application.server_clock import Clock, SteadyClock
from application.status import StatusService
from interface.identity_provider import SignInProvider, fetch_from
from interface.settings import Settings
from interface.signing import signing_key


@dataclass(frozen=True)
class Services:
    """What the API and the commands are made of."""

    settings: Settings
    version: str
    """Of stockledger."""
    clock: Clock
    probe: Probe
    ledger: Ledger
    reads: ReadService
    history: HistoryService
    sync: SyncService
    status: StatusService
    review: ReviewService
    follower: Follower
    items: ItemService
    imports: ImportService
    exports: ExportService
    keys: KeyService
    audit: AuditTrail
    authenticator: Authenticator
    sessions: SessionService
    proofs: ProofService
    signer: CheckpointSigner | None
    """None: this process has no key to sign checkpoints."""
    sealer: Sealer
    """Not started."""
    sign_in_provider: SignInProvider | None
    """None: people sign in with API keys only."""


@contextmanager
def compose(
    settings: Settings,
    *,
    must_exist: bool = False,
    may_upgrade: bool = False,
    clock: Clock | None = None,
) -> Iterator[Services]:
    """Opens the ledger, and closes it at the end of the block.

    Args:
        settings: of this process.
        must_exist: whether the database must be there; otherwise a new file is made.
        may_upgrade: whether the tables of an older ledger are brought up to date.
        clock: of all services; the server's own clock if it is left out.

    Raises:
        UnsupportedDatabase: the database URL names no database that can be used.
        KeyFileError: the key that signs checkpoints can't be read.
        OriginMismatch: the ledger has another name as a log than the setting says.
        SchemaMismatch: the ledger was made by another version of stockledger.
        StoreUnavailable: the database can't be opened.
    """
    env = environment(
        settings.database_url,
        lock_timeout=settings.lock_timeout,
        pool_size=settings.pool_size,
        must_exist=must_exist,
    )
    with (
        Ledger(env, may_upgrade=may_upgrade) as ledger,
        closing(Follower(ledger.recorder, ledger.bookmark_key)) as follower,
        ThreadPoolExecutor(1, "sessions") as background,
    ):
        clock = clock or SteadyClock()
        name_log(ledger.recorder, settings.origin)
        signer = _signer(settings, ledger.recorder, clock)
        audit = AuditTrail(ledger.recorder, clock)
        store = RejectedTransactionStore(
            timedelta(days=settings.rejection_retention), settings.max_open_rejections
        )
        sync = SyncService(
            ledger,
            clock,
            store,
            max_waiting=settings.max_waiting,
            default_floor=settings.default_floor,
        )
        reads = ReadService(ledger.recorder)
        sessions = SessionService(ledger.recorder, audit, clock, background)
        rules = _token_rules(settings)
        items = ItemService(ledger, clock, settings.default_floor, store, follow_up=sync.follow_up)
        yield Services(
            settings=settings,
            version=version("stockledger"),
            clock=clock,
            probe=Probe(ledger.recorder, clock),
            ledger=ledger,
            reads=reads,
            history=HistoryService(ledger.recorder, clock),
            sync=sync,
            status=StatusService(ledger),
            review=ReviewService(ledger.recorder, sync, store, audit, clock),
            items=items,
            imports=ImportService(sync, items),
            exports=ExportService(reads, items, audit),
            keys=KeyService(ledger.recorder, audit, clock),
            audit=audit,
            authenticator=Authenticator(
                ledger.recorder,
                _token_verifier(settings, rules),
                sessions,
                remember=settings.key_cache,
                clock=clock,
            ),
            sessions=sessions,
            proofs=ProofService(ledger),
            signer=signer,
            sealer=Sealer(ledger.recorder, signer, settings.checkpoint_interval),
            sign_in_provider=_sign_in_provider(settings, rules),
            follower=follower,
        )


def _signer(settings: Settings, recorder: LedgerRecorder, clock: Clock) -> CheckpointSigner | None:
    key = signing_key(settings)
    if key is None:
        return None
    return CheckpointSigner(recorder, key, clock, hook(settings.checkpoint_hook))


def _token_rules(settings: Settings) -> TokenRules | None:
    """Rules of the provider's access tokens. None: there is no provider."""
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    return TokenRules(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        algorithms=settings.oidc_algorithms,
        actor_claim=settings.oidc_actor_claim,
        role_claim=settings.oidc_role_claim,
        location_claim=settings.oidc_location_claim,
        roles=settings.oidc_roles,
    )


def _token_verifier(settings: Settings, rules: TokenRules | None) -> TokenVerifier | None:
    if rules is None or settings.oidc_jwks_url is None:
        return None
    return TokenVerifier(rules, fetch_from(settings.oidc_jwks_url))


def _sign_in_provider(settings: Settings, rules: TokenRules | None) -> SignInProvider | None:
    client_id = settings.oidc_client_id
    if rules is None or client_id is None:
        return None
    verifier = _token_verifier(settings, replace(rules, audience=client_id))
    if verifier is None:
        return None
    return SignInProvider(rules.issuer, client_id, settings.oidc_client_secret, verifier)
