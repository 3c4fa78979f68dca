// Stores cards in a running vault and reveals them again: what a Node service needs of Cardvault,
// and no more. Usage: node dist/client.js ADDRESS PKI CUSTOMER
import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import type { Client } from "@grpc/grpc-js";
import { call, connect } from "./channel.js";
import { BrandSchema, type Card } from "./gen/cardvault/vault/v1/card_pb.js";
import { ErrorReason } from "./gen/cardvault/vault/v1/error_reason_pb.js";
import {
  type DetokenizeResponse,
  RevealService,
} from "./gen/cardvault/vault/v1/reveal_service_pb.js";
import { TokenizeRequestSchema, VaultService } from "./gen/cardvault/vault/v1/vault_service_pb.js";
import { explain, isServiceError, nameOf, reasonOf, statusOf } from "./refusal.js";

/**
 * Store cards as the application, and reveal them as the payment service provider: two identities,
 * for who takes cards in has no need to see their numbers again.
 */
async function run(address: string, pki: string, customer: string): Promise<void> {
  const app = connect(address, pki, "app");
  const psp = connect(address, pki, "psp");
  try {
    const token = await store(app, customer);
    const tokens = await storeMany(app, customer);
    await revealMany(psp, tokens);
    charge(await call(psp, RevealService.method.detokenize, { token, purpose: "payment" }));
    await mayNotReveal(app, token);
  } finally {
    app.close();
    psp.close();
  }
}

/**
 * Store a card twice with one request id, as after an answer that got lost: it is applied once, and
 * the second answer is the first one again.
 */
async function store(app: Client, customer: string): Promise<string> {
  const request = newCard(customer, "4111111111111111");
  let token = "";
  for (const what of ["stored", "again"]) {
    const reply = await call(app, VaultService.method.tokenize, request);
    token = reply.card!.token;
    console.log(`${masked(what, reply.card!)}, created=${reply.created}`);
  }
  return token;
}

/** Store a batch, of which each card succeeds or fails alone: here one has a typing error. */
async function storeMany(app: Client, customer: string): Promise<string[]> {
  const numbers = ["5555555555554444", "378282246310005", "4111111111111112"];
  const requests = numbers.map((number) => newCard(customer, number)); // once: retries send the same
  const reply = await call(app, VaultService.method.batchTokenize, { requests });
  const tokens: string[] = [];
  for (const { result } of reply.results) {
    if (result.case === "response") {
      tokens.push(result.value.card!.token);
      console.log(masked("batch", result.value.card!));
    } else if (result.case === "error") {
      console.log(`batch: ${nameOf(reasonOf(result.value))}`);
    }
  }
  return tokens;
}

/** Reveal several cards; each has its audit record before its number leaves the vault. */
async function revealMany(psp: Client, tokens: string[]): Promise<void> {
  const request = { tokens, purpose: "payment" };
  const reply = await call(psp, RevealService.method.batchDetokenize, request);
  for (const { result } of reply.results) {
    if (result.case === "response") {
      charge(result.value);
    } else if (result.case === "error") {
      throw new Error(`not revealed: ${nameOf(reasonOf(result.value))}`);
    }
  }
}

/** Here you would send the number on. Don't print it, nor a message that has it. */
function charge(revealed: DetokenizeResponse): void {
  const { number } = revealed.card!;
  const token = revealed.masked!.token;
  console.log(`revealed: ${token}, ${number.length} digits, ending in ${number.slice(-4)}`);
}

/** Tell refusals apart by their reason, a value of ErrorReason. */
async function mayNotReveal(app: Client, token: string): Promise<void> {
  try {
    await call(app, RevealService.method.detokenize, { token, purpose: "payment" });
  } catch (error) {
    const reason = isServiceError(error) ? reasonOf(statusOf(error)) : ErrorReason.UNSPECIFIED;
    if (reason !== ErrorReason.PERMISSION_DENIED) {
      throw error;
    }
    console.log(`refused: ${nameOf(reason)}`);
    return;
  }
  throw new Error("the application may reveal cards: look at the policy");
}

/** Make a request, with a new id each time: call it once a card, and keep it for retries. */
function newCard(customer: string, number: string) {
  return create(TokenizeRequestSchema, {
    requestId: randomUUID(),
    card: { number, expiryMonth: 12, expiryYear: 2030 },
    customer,
  });
}

function masked(what: string, card: Card): string {
  const brand = BrandSchema.value[card.brand]?.name ?? card.brand;
  return `${what}: ${card.token}, ${brand} **** ${card.last4}`;
}

const [address, pki, customer] = process.argv.slice(2);
if (address === undefined || pki === undefined || customer === undefined) {
  console.error("usage: node dist/client.js ADDRESS PKI CUSTOMER");
  process.exitCode = 2;
} else {
  try {
    await run(address, pki, customer);
  } catch (error) {
    console.error(explain(error));
    process.exitCode = 1;
  }
}
