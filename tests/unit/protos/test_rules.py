"""What must hold for every field, message, enum and RPC that is published, now and later."""

import pytest
from cardvault.vault.v1 import card_pb2, update_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor
from protovalidate import Validator

from cards.brands import Brand
from cards.outcomes import Outcome
from tests.unit.protos import schema

SENSITIVE = {
    "billing_address",
    "cardholder_name",
    "new_number",
    "number",
    "numbers",
    "security_code",
}
SENSITIVE_MESSAGES = {"CardChanges", "CardDetails"}
CHECKED_ONE_BY_ONE = {"BatchTokenizeRequest.requests", "ApplyUpdatesRequest.updates"}
READS = ("Get", "BatchGet", "List", "Stream", "Find", "BatchDetokenize", "Explain")
WHOLE = {"ListChannels"}  # of what is configured: there are a few
WITHOUT_REQUEST_ID = {
    "PutSecurityCode",  # api.md: the last one put counts
    "BatchTokenize",  # one per request in the batch
    "ApplyUpdates",  # update_id takes its place
}
INTEGERS = {
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
}


def fields_sent() -> list[FieldDescriptor]:
    return [field for message in schema.sent_by_clients() for field in message.fields]


def name(thing: FieldDescriptor | Descriptor | EnumDescriptor | MethodDescriptor) -> str:
    return ".".join(thing.full_name.split(".")[3:])


def limited_length(field: FieldDescriptor) -> bool:
    found = schema.rules(field)
    if schema.is_map(field):
        keys, values = found.map.keys, found.map.values
        return bool(keys.string.max_len and values.string.max_len and found.map.max_pairs)
    if field.is_repeated:
        return bool(found.repeated.items.string.max_len)
    return bool(found.string.max_len)


def test_the_walk_sees_the_published_services() -> None:
    services = {method.containing_service.name for method in schema.methods()}
    assert services == {
        "AuditService",
        "CredentialService",
        "FeedService",
        "RevealService",
        "UpdaterService",
        "VaultService",
    }
    assert {"CardDetails", "CardChanges", "UpdateSource", "HoldChange", "Expiry"} <= {
        name(message) for message in schema.sent_by_clients()
    }


@pytest.mark.parametrize("message", schema.messages(), ids=name)
def test_rules_compile(message: Descriptor) -> None:
    empty = message_factory.GetMessageClass(message)()
    Validator().collect_violations(empty)  # raises CompilationError if a rule makes no sense


@pytest.mark.parametrize(
    "field",
    [
        f
        for f in fields_sent()
        if f.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES} or schema.is_map(f)
    ],
    ids=name,
)
def test_what_clients_send_has_a_greatest_length(field: FieldDescriptor) -> None:
    assert limited_length(field)


@pytest.mark.parametrize("field", [f for f in fields_sent() if f.is_repeated], ids=name)
def test_what_clients_send_has_a_greatest_number(field: FieldDescriptor) -> None:
    found = schema.rules(field)
    assert found.map.max_pairs if schema.is_map(field) else found.repeated.max_items


@pytest.mark.parametrize("field", [f for f in fields_sent() if f.enum_type is not None], ids=name)
def test_clients_send_known_enum_values_only(field: FieldDescriptor) -> None:
    found = schema.rules(field)
    assert (found.repeated.items.enum if field.is_repeated else found.enum).defined_only


@pytest.mark.parametrize("field", [f for f in fields_sent() if f.type in INTEGERS], ids=name)
def test_integers_that_clients_send_have_a_range(field: FieldDescriptor) -> None:
    found = getattr(schema.rules(field), INTEGERS[field.type])
    assert found.HasField("gte")
    assert field.type == FieldDescriptor.TYPE_INT64 or found.HasField("lte")


@pytest.mark.parametrize(
    ("field", "kind"),
    [(f, f.message_type.full_name) for f in fields_sent() if f.message_type is not None],
    ids=lambda value: value if isinstance(value, str) else name(value),
)
def test_messages_that_clients_send_are_checked_inside(field: FieldDescriptor, kind: str) -> None:
    found = schema.rules(field)
    if kind == "google.protobuf.Timestamp":
        assert found.timestamp.HasField("gte")
        assert found.timestamp.HasField("lt")
    elif kind == "google.protobuf.Duration":
        assert found.duration.HasField("gte") or found.duration.HasField("gt")
        assert found.duration.HasField("lte")
    elif not kind.startswith("cardvault."):
        assert found.cel  # the rules of a foreign message stand at the field
    elif name(field) in CHECKED_ONE_BY_ONE:
        assert found.repeated.items.ignore
    else:
        assert not found.ignore
        assert not found.repeated.items.ignore


@pytest.mark.parametrize(
    "field",
    [
        field
        for message in schema.messages()
        for field in message.fields
        if (field.name in SENSITIVE and field.type not in INTEGERS)
        or (field.message_type is not None and field.message_type.name in SENSITIVE_MESSAGES)
    ],
    ids=name,
)
def test_sensitive_fields_are_redacted(field: FieldDescriptor) -> None:
    assert field.GetOptions().debug_redact


@pytest.mark.parametrize("enum", schema.enums(), ids=name)
def test_zero_means_unspecified(enum: EnumDescriptor) -> None:
    assert enum.values_by_number[0].name.endswith("_UNSPECIFIED")


@pytest.mark.parametrize("method", schema.methods(), ids=name)
def test_every_rpc_has_messages_of_its_own(method: MethodDescriptor) -> None:
    assert method.input_type.name == f"{method.name}Request"
    assert method.output_type.name == f"{method.name}Response"


@pytest.mark.parametrize(
    "method",
    [
        m
        for m in schema.methods()
        if not m.name.startswith(READS) and m.name not in WITHOUT_REQUEST_ID
    ],
    ids=name,
)
def test_what_changes_something_takes_a_uuid_as_request_id(method: MethodDescriptor) -> None:
    field = method.input_type.fields_by_name["request_id"]
    assert schema.rules(field).string.uuid
    assert field.number == 1


@pytest.mark.parametrize("method", schema.methods(), ids=name)
def test_lists_are_paged(method: MethodDescriptor) -> None:
    if method.name.startswith("List") and method.name not in WHOLE:
        size = schema.rules(method.input_type.fields_by_name["page_size"]).int32
        assert (size.gte, size.lte) == (0, 1000)
        assert "page_token" in method.input_type.fields_by_name
        assert "next_page_token" in method.output_type.fields_by_name


def test_outcomes_and_brands_are_those_of_the_kernel() -> None:
    outcomes = {
        value.removeprefix("UPDATE_OUTCOME_")
        for value in update_pb2.UpdateOutcome.DESCRIPTOR.values_by_name
    }
    assert outcomes - {"UNSPECIFIED"} == {outcome.name for outcome in Outcome}
    brands = {value.removeprefix("BRAND_") for value in card_pb2.Brand.DESCRIPTOR.values_by_name}
    assert brands - {"UNSPECIFIED"} == {brand.name for brand in Brand}
