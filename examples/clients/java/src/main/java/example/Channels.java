package example;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;

/** Opens channels the way the vault wants to be called: mTLS, and retries in the channel. */
final class Channels {
  /**
   * Opens a channel as the identity whose certificate is in name.pem and name.key. Keep it: it
   * reconnects by itself, and carries any number of calls at once.
   */
  static ManagedChannel connect(String address, Path pki, String name) throws IOException {
    var mutual =
        TlsChannelCredentials.newBuilder()
            .trustManager(pki.resolve("ca.pem").toFile())
            .keyManager(pki.resolve(name + ".pem").toFile(), pki.resolve(name + ".key").toFile())
            .build();
    return Grpc.newChannelBuilder(address, mutual).defaultServiceConfig(serviceConfig()).build();
  }

  /** Has gRPC try again what the vault says may be tried again (UNAVAILABLE). */
  private static Map<String, Object> serviceConfig() throws IOException {
    try (Reader json =
        new InputStreamReader(
            Channels.class.getResourceAsStream("/service_config.json"), StandardCharsets.UTF_8)) {
      return new Gson().fromJson(json, new TypeToken<Map<String, Object>>() {}.getType());
    }
  }

  private Channels() {}
}
