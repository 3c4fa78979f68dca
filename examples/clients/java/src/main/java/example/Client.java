package example;

import com.google.rpc.Status;
import example.cardvault.vault.v1.BatchDetokenizeRequest;
import example.cardvault.vault.v1.BatchTokenizeRequest;
import example.cardvault.vault.v1.Card;
import example.cardvault.vault.v1.CardDetails;
import example.cardvault.vault.v1.DetokenizeRequest;
import example.cardvault.vault.v1.DetokenizeResponse;
import example.cardvault.vault.v1.ErrorReason;
import example.cardvault.vault.v1.RevealServiceGrpc;
import example.cardvault.vault.v1.RevealServiceGrpc.RevealServiceBlockingStub;
import example.cardvault.vault.v1.TokenizeRequest;
import example.cardvault.vault.v1.VaultServiceGrpc;
import example.cardvault.vault.v1.VaultServiceGrpc.VaultServiceBlockingStub;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.AbstractStub;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * Stores cards in a running vault and reveals them again: what a Java service needs of Cardvault,
 * and no more.
 */
public final class Client {
  /** For a call with all its retries: without a deadline it could wait for ever. */
  private static final long DEADLINE_SECONDS = 10;

  public static void main(String[] arguments) {
    if (arguments.length != 3) {
      System.err.println("usage: client ADDRESS PKI CUSTOMER");
      System.exit(2);
    }
    try {
      run(arguments[0], Path.of(arguments[1]), arguments[2]);
    } catch (StatusRuntimeException refused) {
      System.err.println(Refusals.explain(refused));
      System.exit(1);
    } catch (IOException | IllegalArgumentException | IllegalStateException failed) {
      System.err.println("failed: " + failed.getMessage()); // certificates that can't be used, too
      System.exit(1);
    }
  }

  /**
   * Stores cards as the application, and reveals them as the payment service provider: two
   * identities, for who takes cards in has no need to see their numbers again.
   */
  private static void run(String address, Path pki, String customer) throws IOException {
    ManagedChannel app = Channels.connect(address, pki, "app");
    ManagedChannel psp = Channels.connect(address, pki, "psp");
    try {
      VaultServiceBlockingStub vault = VaultServiceGrpc.newBlockingStub(app);
      RevealServiceBlockingStub reveals = RevealServiceGrpc.newBlockingStub(psp);
      String token = store(vault, customer);
      List<String> tokens = storeMany(vault, customer);
      revealMany(reveals, tokens);
      charge(soon(reveals).detokenize(toPay(token)));
      mayNotReveal(RevealServiceGrpc.newBlockingStub(app), token);
    } finally {
      app.shutdownNow();
      psp.shutdownNow();
    }
  }

  /**
   * Stores a card twice with one request id, as after an answer that got lost: it is applied once,
   * and the second answer is the first one again.
   */
  private static String store(VaultServiceBlockingStub vault, String customer) {
    TokenizeRequest request = newCard(customer, "4111111111111111");
    String token = "";
    for (String what : List.of("stored", "again")) {
      var reply = soon(vault).tokenize(request);
      token = reply.getCard().getToken();
      System.out.println(masked(what, reply.getCard()) + ", created=" + reply.getCreated());
    }
    return token;
  }

  /** Stores a batch, of which each card succeeds or fails alone: here one has a typing error. */
  private static List<String> storeMany(VaultServiceBlockingStub vault, String customer) {
    List<TokenizeRequest> requests = new ArrayList<>(); // made once: a retry sends the same
    for (String number : List.of("5555555555554444", "378282246310005", "4111111111111112")) {
      requests.add(newCard(customer, number));
    }
    var batch = BatchTokenizeRequest.newBuilder().addAllRequests(requests).build();
    List<String> tokens = new ArrayList<>();
    for (var result : soon(vault).batchTokenize(batch).getResultsList()) {
      if (result.hasError()) {
        System.out.println("batch: " + Refusals.reason(result.getError()));
      } else {
        Card card = result.getResponse().getCard();
        tokens.add(card.getToken());
        System.out.println(masked("batch", card));
      }
    }
    return tokens;
  }

  /** Reveals several cards; each has its audit record before its number leaves the vault. */
  private static void revealMany(RevealServiceBlockingStub vault, List<String> tokens) {
    var request =
        BatchDetokenizeRequest.newBuilder().addAllTokens(tokens).setPurpose("payment").build();
    for (var result : soon(vault).batchDetokenize(request).getResultsList()) {
      if (result.hasError()) {
        throw StatusProto.toStatusRuntimeException(result.getError());
      }
      charge(result.getResponse());
    }
  }

  /** Stands where you would send the number on. Don't print it, nor a message that has it. */
  private static void charge(DetokenizeResponse revealed) {
    String number = revealed.getCard().getNumber();
    String last4 = number.substring(number.length() - 4);
    System.out.printf(
        "revealed: %s, %d digits, ending in %s%n",
        revealed.getMasked().getToken(), number.length(), last4);
  }

  /** Tells refusals apart by their reason, a value of ErrorReason. */
  private static void mayNotReveal(RevealServiceBlockingStub vault, String token) {
    try {
      soon(vault).detokenize(toPay(token));
    } catch (StatusRuntimeException refused) {
      Status status = StatusProto.fromThrowable(refused);
      if (Refusals.reason(status) != ErrorReason.ERROR_REASON_PERMISSION_DENIED) {
        throw refused;
      }
      System.out.println("refused: " + Refusals.reason(status));
      return;
    }
    throw new IllegalStateException("the application may reveal cards: look at the policy");
  }

  private static <S extends AbstractStub<S>> S soon(S stub) {
    return stub.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS);
  }

  /** Makes a request, with a new id each time: call it once a card, and keep it for retries. */
  private static TokenizeRequest newCard(String customer, String number) {
    return TokenizeRequest.newBuilder()
        .setRequestId(UUID.randomUUID().toString())
        .setCard(
            CardDetails.newBuilder().setNumber(number).setExpiryMonth(12).setExpiryYear(2030))
        .setCustomer(customer)
        .build();
  }

  private static DetokenizeRequest toPay(String token) {
    return DetokenizeRequest.newBuilder().setToken(token).setPurpose("payment").build();
  }

  private static String masked(String what, Card card) {
    return "%s: %s, %s **** %s"
        .formatted(what, card.getToken(), card.getBrand(), card.getLast4());
  }

  private Client() {}
}
