package main

import (
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	vaultv1 "cardvault.example/client/gen/cardvault/vault/v1"
)

// reason returns why the vault refused a call, or UNSPECIFIED if it wasn't the vault that did, or
// for a reason newer than these protos.
func reason(refused *status.Status) vaultv1.ErrorReason {
	for _, detail := range refused.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == "cardvault" {
			return vaultv1.ErrorReason(vaultv1.ErrorReason_value[info.Reason])
		}
	}
	return vaultv1.ErrorReason_ERROR_REASON_UNSPECIFIED
}

// explain returns a line about an error. Nothing of it repeats what was sent: the vault's errors
// name the field, never its value.
func explain(err error) string {
	refused, ok := status.FromError(err)
	if !ok {
		return fmt.Sprintf("failed: %s", err) // before any call: certificates that can't be read
	}
	if reason(refused) == vaultv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return fmt.Sprintf("failed: %s: %s", refused.Code(), refused.Message())
	}
	said := []string{fmt.Sprintf("refused: %s", reason(refused))}
	for _, detail := range refused.Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, violation := range bad.FieldViolations {
				said = append(said, fmt.Sprintf("%s: %s", violation.Field, violation.Description))
			}
		}
	}
	return strings.Join(said, "; ")
}
