// Prints the reference data of this room: run it with the jars of Kafka's libs folder on the class path and one argument:
//   source, sink       what the two kinds of connectors declare
//   creation           what a source with topic.creation.groups=g has besides
//   producer, consumer, admin   what clients declare
import org.apache.kafka.common.config.*;
import java.util.*;
public class Dump {
  static String esc(String s){ if(s==null) return "\\N"; return s.replace("\\","\\\\").replace("\n","\\n").replace("\t","\\t"); }
  static ConfigDef def(String what) throws Exception {
    String runtime = "org.apache.kafka.connect.runtime.";
    switch (what) {
      case "source": case "sink": {
        String name = what.equals("source") ? "SourceConnectorConfig" : "SinkConnectorConfig";
        return (ConfigDef) Class.forName(runtime + name).getMethod("configDef").invoke(null);
      }
      case "creation": {
        Map<String,String> props = Map.of("topic.creation.groups", "default,g", "topic.creation.default.partitions", "3",
            "topic.creation.default.replication.factor", "2", "name", "n", "connector.class", "c");
        Class<?> c = Class.forName(runtime + "SourceConnectorConfig");
        ConfigDef base = (ConfigDef) c.getMethod("embedDefaultGroup", ConfigDef.class).invoke(null, new ConfigDef());
        AbstractConfig group = new AbstractConfig(base, props, false);
        return (ConfigDef) c.getMethod("enrich", ConfigDef.class, Map.class, AbstractConfig.class).invoke(null, base, props, group);
      }
      case "producer": return org.apache.kafka.clients.producer.ProducerConfig.configDef();
      case "consumer": return org.apache.kafka.clients.consumer.ConsumerConfig.configDef();
    }
    return org.apache.kafka.clients.admin.AdminClientConfig.configDef();
  }
  public static void main(String[] a) throws Exception {
    for (ConfigDef.ConfigKey k : def(a[0]).configKeys().values()) {
      String value = k.hasDefault() ? esc(ConfigDef.convertToString(k.defaultValue, k.type)) : "\\-";
      System.out.println(String.join("\t", k.name, k.type.toString(), value, k.importance.toString(),
          k.validator == null ? "\\N" : esc(k.validator.toString()), esc(k.group), "" + k.orderInGroup, k.width.toString(),
          esc(k.displayName), String.join(",", k.dependents)));
    }
  }
}
