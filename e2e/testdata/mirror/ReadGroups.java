import java.io.*;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.connect.mirror.*;
import org.apache.kafka.connect.mirror.formatters.*;

/** Reads what a mirror writes with Java's own classes. The argument is the target's bootstrap.servers; each line is a request. */
public class ReadGroups {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = in.readLine()) != null; ) {
      String answer;
      try { answer = answer(args[0], line.split(" ")); } catch (Exception e) { answer = "failed: " + e; }
      System.out.println(answer.replace("\n", ";"));
      System.out.flush();
    }
  }

  static String answer(String bootstrap, String[] words) throws Exception {
    Map<String, Object> props = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
    switch (words[0]) {
      case "translate": { // alias group
        Map<String, Object> found = new TreeMap<>();
        RemoteClusterUtils.translateOffsets(props, words[1], words[2], Duration.ofSeconds(30)).forEach((tp, o) -> found.put(tp.toString(), o.offset()));
        return found.toString();
      }
      case "clusters": {
        try (MirrorClient client = new MirrorClient(props)) {
          return new TreeSet<>(client.upstreamClusters()) + " " + new TreeSet<>(client.checkpointTopics()) + " " + new TreeSet<>(client.heartbeatTopics()) + " " + client.replicationHops(words[1]);
        }
      }
      case "format": { // formatter topic
        MessageFormatter formatter = words[1].equals("checkpoint") ? new CheckpointFormatter() : words[1].equals("heartbeat") ? new HeartbeatFormatter() : new OffsetSyncFormatter();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(props, new ByteArrayDeserializer(), new ByteArrayDeserializer()); PrintStream print = new PrintStream(out)) {
          TopicPartition tp = new TopicPartition(words[2], 0);
          consumer.assign(List.of(tp));
          consumer.seekToBeginning(List.of(tp));
          long end = consumer.endOffsets(List.of(tp)).get(tp);
          while (consumer.position(tp) < end) for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(200))) formatter.writeTo(r, print);
        }
        return out.toString();
      }
      default: return "unknown request";
    }
  }
}
