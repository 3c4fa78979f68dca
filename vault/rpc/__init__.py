"""gRPC in: messages to intents, outcomes to messages; no decision is made here."""
