import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Makes record batches with Kafka's own client, and tells what its consumer reads of any. Each line is a command of words; the answer
 * is one line, in which records are separated by ";".
 */
public final class Batches {
    private static final long BASE = 1_700_000_000_000L;

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            String answer;
            try {
                answer = switch (words[0]) {
                    case "plain" -> plain(words[1], words[2], words[3]);
                    case "large" -> large(words[1], words[2], words[3]);
                    case "transactions" -> transactions(words[1], words[2], words[3]);
                    case "compacted" -> compacted(words[1], words[2], words[3]);
                    case "read" -> read(words[1], words[2], words[3]);
                    case "old" -> old(Byte.parseByte(words[1]), words[2], words[3]);
                    default -> "what?";
                };
            } catch (Exception e) {
                e.printStackTrace();
                answer = "failed: " + e;
            }
            System.out.println(answer);
            System.out.flush();
        }
    }

    private static KafkaProducer<byte[], byte[]> producer(String bootstrap, String codec, String id) {
        Map<String, Object> props = new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap, "compression.type", codec, "batch.size", 2000, "linger.ms", 20,
            "max.request.size", 4 << 20));
        if (id != null) {
            props.put("transactional.id", id);
        }
        return new KafkaProducer<>(props, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, int i) {
        byte[] key = i % 5 == 0 ? null : bytes("key-" + i);
        byte[] value = i % 7 == 0 ? null : bytes(("value " + i + " ").repeat(i % 11 == 0 ? 0 : 20));
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, 0, BASE + (i % 2 == 0 ? 10 : -10) * i, key, value);
        if (i % 3 == 0) {
            record.headers().add("h", bytes("header " + i)).add("n", null).add("", new byte[0]);
        }
        return record;
    }

    private static String plain(String bootstrap, String topic, String codec) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, codec, null)) {
            for (int i = 0; i < 40; i++) {
                producer.send(record(topic, i));
            }
            producer.flush();
        }
        return "ok";
    }

    private static String large(String bootstrap, String topic, String codec) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, codec, null)) {
            StringBuilder text = new StringBuilder();
            for (int i = 0; text.length() < 200_000; i++) {
                text.append("0123456789abcdefghijklmnopqrstuvwxyz ".repeat(50)).append(i);
            }
            producer.send(new ProducerRecord<>(topic, 0, BASE, bytes("large"), bytes(text.toString()))).get();
        }
        return "ok";
    }

    private static String transactions(String bootstrap, String topic, String codec) throws Exception {
        try (KafkaProducer<byte[], byte[]> a = producer(bootstrap, codec, topic + "-a");
             KafkaProducer<byte[], byte[]> b = producer(bootstrap, codec, topic + "-b");
             KafkaProducer<byte[], byte[]> none = producer(bootstrap, codec, null)) {
            a.initTransactions();
            b.initTransactions();
            a.beginTransaction();
            b.beginTransaction();
            send(a, topic, 1, 3);
            send(b, topic, 11, 2);
            send(none, topic, 21, 2);
            send(a, topic, 31, 2);
            a.abortTransaction();
            send(b, topic, 41, 2);
            a.beginTransaction();
            send(a, topic, 51, 2);
            b.commitTransaction();
            a.commitTransaction();
            b.beginTransaction();
            send(b, topic, 61, 2);
            b.abortTransaction();
            a.beginTransaction();
            send(a, topic, 71, 1);
            a.abortTransaction();
            send(none, topic, 81, 2);
        }
        return "ok";
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String topic, int from, int n) {
        for (int i = from; i < from + n; i++) {
            producer.send(record(topic, i));
        }
        producer.flush();
    }

    /** Keys that come again and tombstones, and then, when the segment is full by its age, one more that closes it. */
    private static String compacted(String bootstrap, String topic, String codec) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, codec, null)) {
            for (int i = 0; i < 40; i++) {
                byte[] value = i % 8 == 3 ? null : bytes(("value " + i + " ").repeat(10));
                producer.send(new ProducerRecord<>(topic, 0, System.currentTimeMillis() - 100_000 + i, bytes("key-" + i * i % 23), value));
                if (i % 10 == 9) {
                    producer.flush();
                }
            }
            Thread.sleep(1500);
            producer.send(new ProducerRecord<>(topic, 0, null, bytes("last"), bytes("last"))).get();
        }
        return "ok";
    }

    private static String read(String bootstrap, String topic, String isolation) {
        Map<String, Object> props = Map.of("bootstrap.servers", bootstrap, "isolation.level", isolation,
            "fetch.max.bytes", 64 << 20, "max.partition.fetch.bytes", 64 << 20);
        List<String> records = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> consumer =
                 new KafkaConsumer<>(props, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            while (consumer.position(partition) < end) {
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(200))) {
                    StringBuilder headers = new StringBuilder();
                    for (Header h : r.headers()) {
                        headers.append(' ').append(sum(bytes(h.key()))).append('=').append(sum(h.value()));
                    }
                    records.add(r.offset() + " " + r.timestamp() + " " + sum(r.key()) + " " + sum(r.value()) + headers);
                }
            }
        }
        return String.join(";", records);
    }

    private static String sum(byte[] data) {
        if (data == null) {
            return "null";
        }
        CRC32 crc = new CRC32();
        crc.update(data);
        return data.length + ":" + Long.toHexString(crc.getValue());
    }

    /** A message set of an old format, in hexadecimal, and what is in it. */
    private static String old(byte magic, String codec, String times) {
        TimestampType type = times.equals("log") ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
        ByteBuffer all = ByteBuffer.allocate(1 << 20);
        for (int set = 0; set < 2; set++) {
            MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 16), magic,
                Compression.of(CompressionType.forName(codec)).build(), type, 100 + set * 20, BASE + 7);
            for (int i = 0; i < 10; i++) {
                long offset = 100 + set * 20 + (set == 0 ? i : 2 * i); // the second has gaps
                ProducerRecord<byte[], byte[]> r = record("none", set * 10 + i);
                builder.appendWithOffset(offset, magic == 0 ? -1 : r.timestamp(), r.key(), r.value());
            }
            all.put(builder.build().buffer().duplicate());
        }
        all.flip();
        List<String> lines = new ArrayList<>();
        lines.add(HexFormat.of().formatHex(array(all)));
        for (Record r : MemoryRecords.readableRecords(all).records()) {
            lines.add(r.offset() + " " + r.timestamp() + " " + sum(array(r.key())) + " " + sum(array(r.value())));
        }
        return String.join(";", lines);
    }

    private static byte[] array(ByteBuffer buffer) {
        if (buffer == null) {
            return null;
        }
        byte[] data = new byte[buffer.remaining()];
        buffer.duplicate().get(data);
        return data;
    }
}
