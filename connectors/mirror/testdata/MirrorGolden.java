// Prints java-mirror.tsv: compile and run it with the jars of Kafka's libs folder on the class path. It stands in
// Kafka's package to see what is not public there.
package org.apache.kafka.connect.mirror;

import java.util.*;
import org.apache.kafka.common.config.ConfigDef;

public class MirrorGolden {
  static String esc(Object o) { return o == null ? "\\N" : o.toString().replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t"); }
  static void row(Object... c) { StringJoiner j = new StringJoiner("\t"); for (Object o : c) j.add(esc(o)); System.out.println(j); }

  public static void main(String[] a) {
    Map<String, ConfigDef> defs = new LinkedHashMap<>();
    defs.put("key", new MirrorSourceConnector().config());
    defs.put("checkpoint key", new MirrorCheckpointConnector().config());
    defs.put("heartbeat key", new MirrorHeartbeatConnector().config());
    defs.forEach((kind, all) -> all.configKeys().values().forEach(k -> {
      String def = ConfigDef.NO_DEFAULT_VALUE.equals(k.defaultValue) ? "<required>" : k.defaultValue == null ? null : ConfigDef.convertToString(k.defaultValue, k.type);
      row(kind, k.name, k.type, def, k.importance, k.validator == null ? null : k.validator.toString(), k.group, k.orderInGroup, k.width, k.displayName);
    }));
    for (Class<?> c : List.of(DefaultTopicFilter.class, DefaultConfigPropertyFilter.class)) {
      try {
        for (Class<?> n : c.getDeclaredClasses()) {
          java.lang.reflect.Field f = n.getDeclaredField("DEF"); f.setAccessible(true);
          for (ConfigDef.ConfigKey k : ((ConfigDef) f.get(null)).configKeys().values())
            row("filter", k.name, k.type, ConfigDef.convertToString(k.defaultValue, k.type), k.importance, k.validator == null ? null : k.validator.toString());
        }
      } catch (ReflectiveOperationException x) { throw new RuntimeException(x); }
    }
    String[] topics = {"a", "S.a", "T.a", "S.T.a", "T.S.a", "a.", ".a", "..a", "a..", "S..a", "heartbeats", "S.heartbeats", "T.S.heartbeats", "myheartbeats", "S.myheartbeats",
      "mm2-offset-syncs.T.internal", "S.checkpoints.internal", "mm2-status.S.internal", "connect-offsets-internal", "app.internal", "app-internal", "S_checkpoints_internal",
      "mm2-offset-syncs_T_internal", "mm2_x_internal", "__consumer_offsets", "x.replica", "S_a", "T_a", "S_T_a", "a-b", "S-a", "mm2.internal", "xmm2.internal"};
    for (String policy : List.of("DefaultReplicationPolicy", "IdentityReplicationPolicy"))
      for (String sep : List.of("", "_", "-", "..")) for (String internal : List.of("", "false")) {
        Map<String, String> p = new HashMap<>(Map.of("name", "m", "connector.class", "MirrorSource", "source.cluster.alias", "S", "target.cluster.alias", "T", "replication.policy.class", "org.apache.kafka.connect.mirror." + policy));
        if (!sep.isEmpty()) p.put("replication.policy.separator", sep);
        if (!internal.isEmpty()) p.put("replication.policy.internal.topic.separator.enabled", internal);
        MirrorSourceConfig c = new MirrorSourceConfig(p);
        ReplicationPolicy r = c.replicationPolicy();
        MirrorSourceConnector m = new MirrorSourceConnector(new SourceAndTarget("S", "T"), r, c.topicFilter(), c.configPropertyFilter());
        for (String t : topics)
          row("policy", policy, sep, internal, t, r.formatRemoteTopic("S", t), r.topicSource(t), r.upstreamTopic(t), r.originalTopic(t), r.isHeartbeatsTopic(t), r.isInternalTopic(t), m.shouldReplicateTopic(t));
      }
    String[][] filters = {{"topics", "a"}, {"topics", "a,b.*"}, {"topics", " a , b "}, {"topics", ""}, {"topics", "a|b"}, {"topics", "[ab]+"}, {"topics", "."},
      {"topics", ".*", "topics.exclude", "a.*"}, {"topics", ".*", "topics.exclude", ""}, {"topics", "a", "topics.exclude", "a"}, {"topics", "none", "heartbeats.replication.enabled", "false"}, {"topics", "none"}};
    for (String[] f : filters) {
      Map<String, String> p = new HashMap<>(Map.of("name", "m", "connector.class", "MirrorSource", "source.cluster.alias", "S", "target.cluster.alias", "T"));
      for (int i = 0; i < f.length; i += 2) p.put(f[i], f[i + 1]);
      MirrorSourceConfig c = new MirrorSourceConfig(p);
      MirrorSourceConnector m = new MirrorSourceConnector(new SourceAndTarget("S", "T"), c.replicationPolicy(), c.topicFilter(), c.configPropertyFilter(), c.heartbeatsReplicationEnabled());
      StringJoiner yes = new StringJoiner(" ");
      for (String t : List.of("a", "b", "ab", "ba", "bc", "heartbeats", "x.replica", "mm2-x.internal", "app.internal", "__c")) if (m.shouldReplicateTopic(t)) yes.add(t);
      row("filtered", String.join(" ", f), yes);
    }
    for (String props : List.of("source.cluster.bootstrap.servers=h:1;source.cluster.client.id=x;source.cluster.ssl.truststore.location=t;source.cluster.max.poll.records=9",
        "source.cluster.bootstrap.servers=h:1;consumer.max.poll.records=2;source.consumer.max.poll.records=3;admin.retries=4;source.admin.retries=5;source.bootstrap.servers=no:1",
        "source.cluster.bootstrap.servers=h:1;consumer.client.id=mine;admin.client.id=yours;consumer.poll.timeout.ms=7;consumer.auto.offset.reset=latest;source.consumer.enable.auto.commit=true",
        "target.cluster.bootstrap.servers=h:2;target.admin.bootstrap.servers=h:3;source.cluster.bootstrap.servers=h:1;source.consumer.bootstrap.servers=h:4;target.cluster.sasl.jaas.config=j;producer.acks=1;target.producer.acks=0")) {
      Map<String, String> p = new HashMap<>(Map.of("name", "m", "connector.class", "MirrorSource", "source.cluster.alias", "S", "target.cluster.alias", "T"));
      for (String kv : props.split(";")) p.put(kv.substring(0, kv.indexOf('=')), kv.substring(kv.indexOf('=') + 1));
      MirrorSourceConfig c = new MirrorSourceConfig(p);
      row("client", props, "consumer", new TreeMap<>(c.sourceConsumerConfig("replication-consumer")));
      row("client", props, "source admin", new TreeMap<>(c.sourceAdminConfig("replication-source-admin")));
      row("client", props, "target admin", new TreeMap<>(c.targetAdminConfig("replication-target-admin")));
      for (String at : List.of("source", "target")) {
        p.put("offset-syncs.topic.location", at);
        MirrorSourceConfig s = new MirrorSourceConfig(p);
        row("syncs client", props, at, s.offsetSyncsTopic(), new TreeMap<>(s.offsetSyncsTopicProducerConfig()), new TreeMap<>(s.offsetSyncsTopicAdminConfig()));
      }
    }
    MirrorSourceConfig c = new MirrorSourceConfig(new HashMap<>(Map.of("name", "m", "connector.class", "MirrorSource", "source.cluster.alias", "S", "x", "y")));
    row("task", new TreeMap<>(c.taskConfigForTopicPartitions(List.of(new org.apache.kafka.common.TopicPartition("a-b", 1), new org.apache.kafka.common.TopicPartition("c", 0)), 3)));
    groups();
  }

  /** What the other two connectors make of their properties. */
  static void groups() {
    Map<String, String> base = Map.of("name", "m", "connector.class", "x", "source.cluster.alias", "S", "target.cluster.alias", "T",
      "source.cluster.bootstrap.servers", "h:1", "target.cluster.bootstrap.servers", "h:2", "source.consumer.x", "1", "admin.y", "2", "task.index", "3", "task.assigned.groups", "a");
    MirrorCheckpointTaskConfig t = new MirrorCheckpointTaskConfig(new HashMap<>(base));
    row("checkpoint client", "source", "admin", "checkpoint-source-admin", new TreeMap<>(t.sourceAdminConfig("checkpoint-source-admin")));
    row("checkpoint client", "target", "admin", "checkpoint-target-admin", new TreeMap<>(t.targetAdminConfig("checkpoint-target-admin")));
    row("checkpoint client", "target", "consumer", "checkpoints-target-consumer", new TreeMap<>(t.targetConsumerConfig("checkpoints-target-consumer")));
    row("checkpoint client", "source", "consumer", "offset-syncs-source-consumer", new TreeMap<>(t.offsetSyncsTopicConsumerConfig()));
    row("checkpoint client", "source", "admin", "offset-syncs-source-admin", new TreeMap<>(t.offsetSyncsTopicAdminConfig()));
    for (String policy : List.of("DefaultReplicationPolicy", "IdentityReplicationPolicy")) for (String sep : List.of(".", "_")) for (String internal : List.of("true", "false")) for (String at : List.of("source", "target")) {
      Map<String, String> p = new HashMap<>(base);
      p.put("replication.policy.class", "org.apache.kafka.connect.mirror." + policy);
      p.put("replication.policy.separator", sep); p.put("replication.policy.internal.topic.separator.enabled", internal); p.put("offset-syncs.topic.location", at);
      MirrorCheckpointConfig c = new MirrorCheckpointConfig(p);
      MirrorCheckpointTask task = new MirrorCheckpointTask("S", "T", c.replicationPolicy(), null, Set.of(), Map.of(), null);
      StringJoiner renamed = new StringJoiner(" ");
      for (String topic : List.of("a", "T.a", "T_a", "S.a", "T.S.a", "heartbeats", "T.heartbeats")) renamed.add(task.renameTopicPartition(new org.apache.kafka.common.TopicPartition(topic, 0)).topic());
      row("internal topics", policy, sep, internal, at, c.checkpointsTopic(), c.offsetSyncsTopic(), new MirrorHeartbeatConfig(p).heartbeatsTopic(), renamed);
    }
    Map<String, String> p = new HashMap<>(base); p.put("groups", "g.*,x"); p.put("groups.exclude", "g2"); p.put("topics", "a,b.*"); p.put("topics.exclude", "bad");
    MirrorCheckpointConfig c = new MirrorCheckpointConfig(p);
    StringJoiner groups = new StringJoiner(" "), topics = new StringJoiner(" ");
    for (String g : List.of("g", "g1", "g2", "x", "xy", "other")) if (c.groupFilter().shouldReplicateGroup(g)) groups.add(g);
    for (String n : List.of("a", "b", "bad", "c", "heartbeats", "S.a")) if (c.topicFilter().shouldReplicateTopic(n)) topics.add(n);
    row("groups filtered", groups, topics);
    for (int n : List.of(1, 2, 3, 5)) for (int max : List.of(1, 2, 4)) {
      TreeSet<String> all = new TreeSet<>(); for (int i = 0; i < n; i++) all.add("g" + i);
      StringJoiner tasks = new StringJoiner(" ");
      for (Map<String, String> task : new MirrorCheckpointConnector(all, c).taskConfigs(max)) tasks.add(task.get("task.index") + ":" + task.get("task.assigned.groups"));
      row("groups divided", n, max, tasks);
    }
    for (Map<String, Object> partition : List.of(Map.<String, Object>of("group", "g", "topic", "t", "partition", 1), Map.<String, Object>of("group", "g", "topic", "t"), Map.<String, Object>of("topic", "t", "partition", 1), Map.<String, Object>of("group", 1, "topic", "t", "partition", 1), Map.<String, Object>of("group", "g", "topic", "t", "partition", -1)))
      for (Object offset : List.of(0L, 1L, "x")) refused("checkpoint", () -> new MirrorCheckpointConnector().alterOffsets(Map.of(), Map.of(asGiven(partition), Map.of("offset", offset))), new TreeMap<>(partition), offset);
    for (Map<String, Object> partition : List.of(Map.<String, Object>of("sourceClusterAlias", "S", "targetClusterAlias", "T"), Map.<String, Object>of("sourceClusterAlias", "S"), Map.<String, Object>of("sourceClusterAlias", 1, "targetClusterAlias", "T")))
      for (Object offset : List.of(0L, 1L)) refused("heartbeat", () -> new MirrorHeartbeatConnector().alterOffsets(Map.of(), Map.of(asGiven(partition), Map.of("offset", offset))), new TreeMap<>(partition), offset);
  }

  /** The order in which maps are printed depends on how large they are made. */
  static Map<String, Object> asGiven(Map<String, Object> m) { Map<String, Object> h = new HashMap<>(16); m.forEach(h::put); return h; }

  static void refused(String connector, Runnable alter, Map<String, Object> partition, Object offset) {
    String said = "";
    try { alter.run(); } catch (RuntimeException e) { said = e.getMessage(); }
    StringJoiner fields = new StringJoiner(";");
    partition.forEach((k, v) -> fields.add(k + "=" + v));
    row(connector + " offsets", fields, offset, said);
  }
}
