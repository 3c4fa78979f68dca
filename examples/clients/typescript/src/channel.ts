// Calls the way the vault wants them: gRPC over mTLS, with a deadline, and retries in the channel.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import serviceConfig from "./gen/service_config.json" with { type: "json" };

/** For a call with all its retries: without a deadline it could wait for ever. */
const DEADLINE_MS = 10_000;

/**
 * Open a channel as the identity whose certificate is in name.pem and name.key. Keep it: it
 * reconnects by itself, and carries any number of calls at once. The service config has it try
 * again what the vault says may be tried again (UNAVAILABLE).
 */
export function connect(address: string, pki: string, name: string): Client {
  const [ca, key, certificate] = ["ca.pem", `${name}.key`, `${name}.pem`].map((file) =>
    readFileSync(join(pki, file)),
  );
  return new Client(address, credentials.createSsl(ca, key, certificate), {
    "grpc.service_config": JSON.stringify(serviceConfig),
    // gRPC's own second after a connection that failed is longer than all tries of a call together.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 5_000,
  });
}

/** Call a method of a generated service; rejects with a ServiceError. */
export function call<I extends DescMessage, O extends DescMessage>(
  channel: Client,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
): Promise<MessageShape<O>> {
  return new Promise((resolve, reject) => {
    channel.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
      (bytes) => fromBinary(method.output, bytes),
      create(method.input, request),
      { deadline: Date.now() + DEADLINE_MS },
      (error, reply) => (error === null ? resolve(reply!) : reject(error)),
    );
  });
}
