package example;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Status;
import example.cardvault.vault.v1.ErrorReason;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;

/** Reads the details of the vault's errors. None repeats what was sent: they name fields only. */
final class Refusals {
  /**
   * Returns why the vault refused a call, or UNSPECIFIED if it wasn't the vault that did, or for a
   * reason newer than these protos.
   */
  static ErrorReason reason(Status status) {
    try {
      for (Any detail : status.getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          ErrorInfo info = detail.unpack(ErrorInfo.class);
          if (info.getDomain().equals("cardvault")) {
            return ErrorReason.valueOf(info.getReason());
          }
        }
      }
    } catch (InvalidProtocolBufferException | IllegalArgumentException unknown) {
      return ErrorReason.ERROR_REASON_UNSPECIFIED;
    }
    return ErrorReason.ERROR_REASON_UNSPECIFIED;
  }

  /** Returns a line about an error. */
  static String explain(StatusRuntimeException refused) {
    Status status = StatusProto.fromThrowable(refused);
    if (reason(status) == ErrorReason.ERROR_REASON_UNSPECIFIED) {
      return "failed: %s: %s".formatted(refused.getStatus().getCode(), cause(refused));
    }
    StringBuilder said = new StringBuilder("refused: " + reason(status));
    for (Any detail : status.getDetailsList()) {
      if (detail.is(BadRequest.class)) {
        try {
          for (var violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
            said.append("; %s: %s".formatted(violation.getField(), violation.getDescription()));
          }
        } catch (InvalidProtocolBufferException garbled) {
          continue; // a detail less
        }
      }
    }
    return said.toString();
  }

  /** Returns what is at the bottom of a failure, such as what TLS says about a certificate. */
  private static String cause(StatusRuntimeException failed) {
    Throwable cause = failed;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    String said = cause == failed ? failed.getStatus().getDescription() : cause.getMessage();
    return String.valueOf(said).lines().findFirst().orElse("");
  }

  private Refusals() {}
}
