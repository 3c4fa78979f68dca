// The details of the vault's errors. None repeats what was sent: they name fields only.
import { create, fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type ServiceError, status as Code } from "@grpc/grpc-js";
import { ErrorReason, ErrorReasonSchema } from "./gen/cardvault/vault/v1/error_reason_pb.js";
import { BadRequestSchema, ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { type Status, StatusSchema } from "./gen/google/rpc/status_pb.js";

/** Return an error with its details; without any where it wasn't the vault that refused. */
export function statusOf(error: ServiceError): Status {
  const [details] = error.metadata.get("grpc-status-details-bin");
  return details instanceof Buffer ? fromBinary(StatusSchema, details) : create(StatusSchema);
}

/** Return why the vault refused; UNSPECIFIED without a reason, or for one newer than these protos. */
export function reasonOf(refused: Status): ErrorReason {
  const infos = refused.details.map((detail) => anyUnpack(detail, ErrorInfoSchema));
  const info = infos.find((each) => each?.domain === "cardvault");
  const known = ErrorReasonSchema.values.find(({ name }) => name === info?.reason);
  return known?.number ?? ErrorReason.UNSPECIFIED;
}

/** Return a reason's full name. */
export function nameOf(reason: ErrorReason): string {
  return ErrorReasonSchema.value[reason]!.name;
}

/** Tell whether something thrown is the failure of a call. */
export function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && "metadata" in thrown;
}

/** Return a line about an error. */
export function explain(error: unknown): string {
  if (!isServiceError(error)) {
    return `failed: ${error instanceof Error ? error.message : "for no known reason"}`;
  }
  const refused = statusOf(error);
  const reason = reasonOf(refused);
  if (reason === ErrorReason.UNSPECIFIED) {
    return `failed: ${Code[error.code]}: ${error.details.split("\n")[0]}`; // OpenSSL says more
  }
  const fields = refused.details
    .map((detail) => anyUnpack(detail, BadRequestSchema))
    .flatMap((bad) => bad?.fieldViolations ?? []);
  return [
    `refused: ${nameOf(reason)}`,
    ...fields.map(({ field, description }) => `${field}: ${description}`),
  ].join("; ");
}
