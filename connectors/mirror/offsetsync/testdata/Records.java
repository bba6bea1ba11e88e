import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.mirror.Checkpoint;
import org.apache.kafka.connect.mirror.Heartbeat;
import org.apache.kafka.connect.mirror.OffsetSync;

/**
 * Encodes and decodes records by MirrorMaker's own classes. "write KIND FIELD..." is answered with key and value, "read KIND KEY VALUE"
 * with the fields; "due" tells when offset syncs are written. Fields are tab-separated, texts and bytes in hexadecimal.
 */
public class Records {
    static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] f = line.split("\t", -1);
            System.out.println(switch (f[0]) {
                case "write" -> write(f);
                case "due" -> due(f);
                default -> read(f[1], HEX.parseHex(f[2]), HEX.parseHex(f[3]));
            });
        }
    }

    /** For offset.lag.max and pairs of offsets: whether a sync of each is due at once. */
    static String due(String[] f) throws Exception {
        Class<?> state = Class.forName("org.apache.kafka.connect.mirror.OffsetSyncWriter$PartitionState");
        var constructor = state.getDeclaredConstructor(long.class);
        Method update = state.getDeclaredMethod("update", long.class, long.class);
        Method reset = state.getDeclaredMethod("reset");
        constructor.setAccessible(true);
        update.setAccessible(true);
        reset.setAccessible(true);
        Object o = constructor.newInstance(Long.parseLong(f[1]));
        StringBuilder answer = new StringBuilder();
        for (int i = 2; i < f.length; i += 2) {
            boolean due = (boolean) update.invoke(o, Long.parseLong(f[i]), Long.parseLong(f[i + 1]));
            if (due) reset.invoke(o);
            answer.append(due ? '1' : '0');
        }
        return answer.toString();
    }

    static String write(String[] f) throws Exception {
        Object o = switch (f[1]) {
            case "sync" -> new OffsetSync(new TopicPartition(text(f[2]), Integer.parseInt(f[3])), Long.parseLong(f[4]), Long.parseLong(f[5]));
            case "checkpoint" -> new Checkpoint(text(f[2]), new TopicPartition(text(f[3]), Integer.parseInt(f[4])), Long.parseLong(f[5]), Long.parseLong(f[6]), text(f[7]));
            default -> new Heartbeat(text(f[2]), text(f[3]), Long.parseLong(f[4]));
        };
        return bytes(o, "recordKey") + "\t" + bytes(o, "recordValue");
    }

    static String bytes(Object o, String method) throws Exception {
        Method m = o.getClass().getDeclaredMethod(method);
        m.setAccessible(true);
        return HEX.formatHex((byte[]) m.invoke(o));
    }

    static String read(String kind, byte[] key, byte[] value) {
        ConsumerRecord<byte[], byte[]> r = new ConsumerRecord<>("t", 0, 0, key, value);
        try {
            switch (kind) {
                case "sync":
                    OffsetSync s = OffsetSync.deserializeRecord(r);
                    return String.join("\t", hex(s.topicPartition().topic()), "" + s.topicPartition().partition(), "" + s.upstreamOffset(), "" + s.downstreamOffset());
                case "checkpoint":
                    Checkpoint c = Checkpoint.deserializeRecord(r);
                    return String.join("\t", hex(c.consumerGroupId()), hex(c.topicPartition().topic()), "" + c.topicPartition().partition(), "" + c.upstreamOffset(), "" + c.downstreamOffset(), hex(c.metadata()));
                default:
                    Heartbeat h = Heartbeat.deserializeRecord(r);
                    return String.join("\t", hex(h.sourceClusterAlias()), hex(h.targetClusterAlias()), "" + h.timestamp());
            }
        } catch (RuntimeException e) {
            return "error";
        }
    }

    static String text(String hex) { return new String(HEX.parseHex(hex), StandardCharsets.UTF_8); }

    static String hex(String text) { return HEX.formatHex(text.getBytes(StandardCharsets.UTF_8)); }
}
