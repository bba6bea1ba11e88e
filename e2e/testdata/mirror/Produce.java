import java.io.*;
import java.util.*;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Produces records of every kind with Java's producer. The argument is bootstrap.servers; each line is a request: a codec, a topic of two
 * partitions, and "plain", or "transactions" for some that are committed and some that are aborted.
 */
public class Produce {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = in.readLine()) != null; ) {
      String answer = "done";
      try { produce(args[0], line.split(" ")); } catch (Exception e) { answer = "failed: " + e; }
      System.out.println(answer);
      System.out.flush();
    }
  }

  static void produce(String bootstrap, String[] words) throws Exception {
    boolean transactions = words[2].equals("transactions");
    Map<String, Object> props = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "compression.type", words[0], "linger.ms", "20"));
    if (transactions) props.put("transactional.id", words[1]);
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(props, new ByteArraySerializer(), new ByteArraySerializer())) {
      if (transactions) producer.initTransactions();
      for (int round = 0; round < 6; round++) {
        if (transactions) producer.beginTransaction();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (int i = 0; i < 20; i++) sent.add(producer.send(record(words[1], round, i)));
        producer.flush();
        for (Future<RecordMetadata> f : sent) f.get();
        if (transactions && round % 3 == 1) producer.abortTransaction();
        else if (transactions) producer.commitTransaction();
      }
    }
  }

  static ProducerRecord<byte[], byte[]> record(String topic, int round, int i) {
    byte[] key = i % 3 == 0 ? null : ("key " + i).getBytes();
    byte[] value = i % 5 == 0 ? null : i % 5 == 1 ? new byte[0] : (i + " and what compresses ".repeat(i * i)).getBytes();
    ProducerRecord<byte[], byte[]> r = new ProducerRecord<>(topic, i % 2, 1_600_000_000_000L + 1000 * round - i, key, value);
    for (int h = 0; h < i % 4; h++) r.headers().add("h", new byte[] {0, (byte) -h}).add("null", null).add("", new byte[0]);
    return r;
  }
}
