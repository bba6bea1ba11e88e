import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.clients.GroupRebalanceConfig;
import org.apache.kafka.common.message.JoinGroupResponseData.JoinGroupResponseMember;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.utils.ExponentialBackoff;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.connect.runtime.distributed.ConnectProtocolCompatibility;
import org.apache.kafka.connect.runtime.distributed.IncrementalCooperativeAssignor;
import org.apache.kafka.connect.runtime.distributed.WorkerCoordinator;
import org.apache.kafka.connect.runtime.distributed.WorkerCoordinator.ConnectorsAndTasks;
import org.apache.kafka.connect.storage.ClusterConfigState;
import org.apache.kafka.connect.util.ConnectorTaskId;

/**
 * Leads rebalances as workers of Kafka Connect do: each line of input is one group's history as JSON, each line of output what the
 * leaders' own WorkerCoordinators, and the assignors that they chose, made of its rounds. Workers keep what they remember from
 * round to round of a history.
 */
public final class JavaLeader {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Leader> LEADERS = new HashMap<>();
    private static final SetTime TIME = new SetTime();

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(JSON.writeValueAsString(answer(JSON.readTree(line))));
        }
    }

    private static ObjectNode answer(JsonNode request) throws Exception {
        if (request.has("limits")) {
            return longestPauses(request.get("limits"));
        }
        LEADERS.clear();
        ObjectNode answer = JSON.createObjectNode();
        ArrayNode answers = answer.putArray("answers");
        for (JsonNode round : request.get("rounds")) {
            TIME.now = round.get("now").asLong();
            int maxDelay = round.get("maxDelay").asInt();
            answers.add(LEADERS.computeIfAbsent(round.get("worker").asText(), w -> new Leader(maxDelay)).lead(round));
        }
        return answer;
    }

    /** What the pause between revoking rounds grows to under each scheduled.rebalance.max.delay.ms. */
    private static ObjectNode longestPauses(JsonNode limits) {
        ObjectNode answer = JSON.createObjectNode();
        ArrayNode pauses = answer.putArray("pauses");
        for (JsonNode limit : limits) {
            int max = limit.asInt();
            pauses.add(new ExponentialBackoff(max == 0 ? 0 : 1, 40, max, 0).backoff(50));
        }
        return answer;
    }

    /** One worker's coordinator, without a network: who is in the group and what the configs are comes with each round. */
    private static final class Leader extends WorkerCoordinator {
        private ClusterConfigState joinedWith;
        private ClusterConfigState newest;
        private int generation;
        private int completed;
        private LeaderState owners;

        Leader(int maxDelay) {
            super(new GroupRebalanceConfig(10_000, 60_000, 3_000, "group", Optional.empty(), null, 100, 1_000),
                    new LogContext(), null, new Metrics(), "connect", TIME, "http://leader/", null, null,
                    ConnectProtocolCompatibility.SESSIONED, maxDelay);
        }

        ObjectNode lead(JsonNode round) throws Exception {
            joinedWith = configs(round.get("joinedWith"));
            newest = configs(round.get("newest"));
            generation = round.get("generation").asInt();
            completed = round.get("completed").asInt();
            owners = null;
            remember(round.get("remind"));
            List<JoinGroupResponseMember> members = new ArrayList<>();
            for (JsonNode member : round.get("members")) {
                members.add(new JoinGroupResponseMember()
                        .setMemberId(member.get("id").asText()).setMetadata(member.get("metadata").binaryValue()));
            }
            Map<String, ByteBuffer> assignments =
                    onLeaderElected(round.get("leader").asText(), round.get("protocol").asText(), members, false);
            ObjectNode answer = JSON.createObjectNode();
            ObjectNode encoded = answer.putObject("assignments");
            assignments.forEach((member, bytes) -> {
                byte[] copy = new byte[bytes.remaining()];
                bytes.get(copy);
                encoded.put(member, copy);
            });
            if (owners != null) {
                put(answer.putObject("connectors"), field(LeaderState.class, "connectorOwners", owners));
                put(answer.putObject("tasks"), field(LeaderState.class, "taskOwners", owners));
            }
            return answer;
        }

        /**
         * Adds work to what the incremental assignor takes for assigned before: where connectd deliberately revokes deleted work
         * that a leader elected anew does not know of, this is all that Java's lacks to do the same.
         */
        @SuppressWarnings("unchecked")
        private void remember(JsonNode work) throws Exception {
            if (work == null || work.isEmpty()) {
                return;
            }
            Object assignor = field(WorkerCoordinator.class, "incrementalAssignor", this);
            Field previous = open(IncrementalCooperativeAssignor.class, "previousAssignment");
            Field generationOfIt = open(IncrementalCooperativeAssignor.class, "previousGenerationId");
            ConnectorsAndTasks.Builder all = new ConnectorsAndTasks.Builder();
            if (generationOfIt.getInt(assignor) == completed) {
                all.addAll((ConnectorsAndTasks) previous.get(assignor));
            }
            for (JsonNode item : work) {
                int task = item.get("task").asInt();
                String connector = item.get("connector").asText();
                if (task < 0) {
                    all.addConnectors(Set.of(connector));
                } else {
                    all.addTasks(Set.of(new ConnectorTaskId(connector, task)));
                }
            }
            previous.set(assignor, all.build());
            generationOfIt.setInt(assignor, completed);
        }

        @Override
        public ClusterConfigState configSnapshot() {
            return joinedWith;
        }

        @Override
        public void configSnapshot(ClusterConfigState update) {
            joinedWith = update;
        }

        @Override
        public ClusterConfigState configFreshSnapshot() {
            return newest;
        }

        @Override
        public int generationId() {
            return generation;
        }

        @Override
        public int lastCompletedGenerationId() {
            return completed;
        }

        @Override
        public String memberId() {
            return "leader";
        }

        @Override
        public void leaderState(LeaderState update) {
            owners = update;
        }
    }

    private static ClusterConfigState configs(JsonNode node) {
        Map<String, Integer> taskCounts = new HashMap<>();
        Map<String, Map<String, String>> connectors = new HashMap<>();
        Set<String> inconsistent = new HashSet<>();
        for (JsonNode c : node.get("connectors")) {
            String name = c.get("name").asText();
            connectors.put(name, Map.of("name", name));
            taskCounts.put(name, c.get("tasks").asInt());
            if (c.get("inconsistent").asBoolean()) {
                inconsistent.add(name);
            }
        }
        return new ClusterConfigState(node.get("offset").asLong(), null, taskCounts, connectors, Map.of(), Map.of(), Map.of(), Map.of(),
                Map.of(), Set.of(), inconsistent);
    }

    private static void put(ObjectNode node, Object owners) {
        ((Map<?, ?>) owners).forEach((work, member) -> node.put(work.toString(), (String) member));
    }

    private static Object field(Class<?> of, String name, Object object) throws Exception {
        return open(of, name).get(object);
    }

    private static Field open(Class<?> of, String name) throws Exception {
        Field field = of.getDeclaredField(name);
        field.setAccessible(true);
        return field;
    }

    /** A clock that shows what it was set to. */
    private static final class SetTime implements Time {
        private long now;

        @Override
        public long milliseconds() {
            return now;
        }

        @Override
        public long nanoseconds() {
            return now * 1_000_000;
        }

        @Override
        public void sleep(long ms) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void waitObject(Object object, Supplier<Boolean> condition, long deadline) {
            throw new UnsupportedOperationException();
        }
    }
}
