// Answers what Kafka's own transformations and predicates do: a request a line, as JSON, and a line of JSON for each.
//   {"keys": class}                                   what a class declares
//   {"validate": class, "props": {}}                  the errors of its keys
//   {"apply": class, "props": {}, "record": {...}}    what becomes of a record, or whether a predicate holds
// Run it with the jars of Kafka's libs folder on the class path. Values and schemas are told apart by tags: see codec_test.go.
import com.fasterxml.jackson.databind.*;
import com.fasterxml.jackson.databind.node.*;
import java.io.*;
import java.math.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.config.*;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.header.*;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

@SuppressWarnings({"unchecked", "rawtypes", "deprecation"})
public class Oracle {
  static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    for (String line; (line = in.readLine()) != null; ) out.println(JSON.writeValueAsString(answer(JSON.readTree(line))));
  }

  static JsonNode answer(JsonNode q) {
    try {
      if (q.has("keys")) return keys(q.get("keys").asText());
      if (q.has("validate")) return validate(q);
      return apply(q);
    } catch (Throwable e) {
      Throwable t = e instanceof java.lang.reflect.InvocationTargetException ? e.getCause() : e;
      return JSON.createObjectNode().put("error", String.valueOf(t.getMessage())).put("type", t.getClass().getSimpleName());
    }
  }

  static ConfigDef def(String name) throws Exception {
    Object o = Class.forName(name).getDeclaredConstructor().newInstance();
    return o instanceof Predicate ? ((Predicate) o).config() : ((Transformation) o).config();
  }

  static JsonNode keys(String name) throws Exception {
    ArrayNode out = JSON.createArrayNode();
    for (ConfigDef.ConfigKey k : def(name).configKeys().values()) {
      ArrayNode row = out.addArray().add(k.name).add(k.type.toString());
      row.add(k.hasDefault() ? ConfigDef.convertToString(k.defaultValue, k.type) : "<required>");
      row.add(k.importance.toString()).add(k.validator == null ? null : k.validator.toString());
      row.add(k.group).add(k.orderInGroup).add(k.width.toString()).add(k.displayName);
    }
    return out;
  }

  static JsonNode validate(JsonNode q) throws Exception {
    ObjectNode out = JSON.createObjectNode();
    for (ConfigValue v : def(q.get("validate").asText()).validate(props(q)))
      if (!v.errorMessages().isEmpty()) v.errorMessages().forEach(out.putArray(v.name())::add);
    return out;
  }

  static Map<String, String> props(JsonNode q) {
    Map<String, String> out = new HashMap<>();
    q.get("props").fields().forEachRemaining(e -> out.put(e.getKey(), e.getValue().asText()));
    return out;
  }

  static JsonNode apply(JsonNode q) throws Exception {
    Object o = Class.forName(q.get("apply").asText()).getDeclaredConstructor().newInstance();
    ConnectRecord record = record(q.get("record"));
    if (o instanceof Predicate) {
      ((Predicate) o).configure(props(q));
      return JSON.createObjectNode().put("holds", ((Predicate) o).test(record));
    }
    ((Transformation) o).configure(props(q));
    ConnectRecord result = ((Transformation) o).apply(record);
    return result == null ? JSON.createObjectNode().put("dropped", true) : write(result);
  }

  static ConnectRecord record(JsonNode n) {
    ConnectHeaders headers = new ConnectHeaders();
    for (JsonNode h : n.get("headers"))
      headers.add(new Plain(h.get(0).asText(), schema(h.get(1)), value(h.get(2))));
    Integer partition = n.get("partition").isNull() ? null : n.get("partition").asInt();
    Long ts = n.get("ts").isNull() ? null : Long.parseLong(n.get("ts").asText());
    String topic = n.get("topic").asText();
    Schema ks = schema(n.get("key").get(0)), vs = schema(n.get("value").get(0));
    Object k = value(n.get("key").get(1)), v = value(n.get("value").get(1));
    if (n.hasNonNull("offset"))
      return new SinkRecord(topic, partition, ks, k, vs, v, Long.parseLong(n.get("offset").asText()), ts, TimestampType.CREATE_TIME, headers);
    return new SourceRecord(null, null, topic, partition, ks, k, vs, v, ts, headers);
  }

  record Plain(String key, Schema schema, Object value) implements Header {
    public Header with(Schema s, Object v) { return new Plain(key, s, v); }
    public Header rename(String k) { return new Plain(k, schema, value); }
  }

  static JsonNode write(ConnectRecord r) {
    ObjectNode out = JSON.createObjectNode();
    out.put("topic", r.topic());
    if (r.kafkaPartition() == null) out.putNull("partition"); else out.put("partition", r.kafkaPartition());
    out.put("ts", r.timestamp() == null ? null : r.timestamp().toString());
    out.put("offset", r instanceof SinkRecord s ? Long.toString(s.kafkaOffset()) : null);
    out.putArray("key").add(write(r.keySchema())).add(writeValue(r.key()));
    out.putArray("value").add(write(r.valueSchema())).add(writeValue(r.value()));
    ArrayNode headers = out.putArray("headers");
    for (Object o : r.headers()) {
      Header h = (Header) o;
      headers.addArray().add(h.key()).add(write(h.schema())).add(writeValue(h.value()));
    }
    return out;
  }

  static Schema schema(JsonNode n) {
    if (n == null || n.isNull()) return null;
    Schema.Type type = Schema.Type.valueOf(n.get("t").asText());
    List<Field> fields = null;
    if (type == Schema.Type.STRUCT) {
      fields = new ArrayList<>();
      for (JsonNode f : n.path("f")) fields.add(new Field(f.get(0).asText(), fields.size(), schema(f.get(1))));
    }
    Map<String, String> params = null;
    if (n.has("p")) {
      params = new HashMap<>();
      for (Iterator<Map.Entry<String, JsonNode>> i = n.get("p").fields(); i.hasNext(); ) {
        Map.Entry<String, JsonNode> e = i.next();
        params.put(e.getKey(), e.getValue().asText());
      }
    }
    return new ConnectSchema(type, n.path("o").asBoolean(), value(n.get("def")), n.has("n") ? n.get("n").asText() : null,
        n.has("v") ? n.get("v").asInt() : null, n.has("d") ? n.get("d").asText() : null, params, fields, schema(n.get("k")), schema(n.get("e")));
  }

  static JsonNode write(Schema s) {
    if (s == null) return NullNode.instance;
    ObjectNode out = JSON.createObjectNode().put("t", s.type().toString());
    if (s.isOptional()) out.put("o", true);
    if (s.name() != null) out.put("n", s.name());
    if (s.version() != null) out.put("v", s.version());
    if (s.doc() != null) out.put("d", s.doc());
    if (s.parameters() != null && !s.parameters().isEmpty()) out.set("p", JSON.valueToTree(new TreeMap<>(s.parameters())));
    if (s.defaultValue() != null) out.set("def", writeValue(s.defaultValue()));
    if (s.type() == Schema.Type.STRUCT) {
      ArrayNode fields = out.putArray("f");
      for (Field f : s.fields()) fields.addArray().add(f.name()).add(write(f.schema()));
    }
    if (s.type() == Schema.Type.MAP) out.set("k", write(s.keySchema()));
    if (s.type() == Schema.Type.MAP || s.type() == Schema.Type.ARRAY) out.set("e", write(s.valueSchema()));
    return out;
  }

  static Object value(JsonNode n) {
    if (n == null || n.isNull()) return null;
    JsonNode v = n.elements().next();
    String text = v.asText();
    switch (n.fieldNames().next()) {
      case "i8": return Byte.valueOf(text);
      case "i16": return Short.valueOf(text);
      case "i32": return Integer.valueOf(text);
      case "i64": return Long.valueOf(text);
      case "f32": return Float.valueOf(text);
      case "f64": return Double.valueOf(text);
      case "b": return v.asBoolean();
      case "s": return text;
      case "y": return Base64.getDecoder().decode(text);
      case "ms": return new java.util.Date(Long.parseLong(text));
      case "dec": return new BigDecimal(new BigInteger(v.get(0).asText()), v.get(1).asInt());
      case "l": {
        List<Object> out = new ArrayList<>();
        for (JsonNode e : v) out.add(value(e));
        return out;
      }
      case "m": {
        Map<Object, Object> out = new HashMap<>();
        for (JsonNode e : v) out.put(value(e.get(0)), value(e.get(1)));
        return out;
      }
    }
    Struct out = new Struct(schema(v.get(0)));
    for (JsonNode e : v.get(1)) out.put(e.get(0).asText(), value(e.get(1)));
    return out;
  }

  static JsonNode writeValue(Object o) {
    if (o == null) return NullNode.instance;
    ObjectNode out = JSON.createObjectNode();
    if (o instanceof Byte) out.put("i8", o.toString());
    else if (o instanceof Short) out.put("i16", o.toString());
    else if (o instanceof Integer) out.put("i32", o.toString());
    else if (o instanceof Long) out.put("i64", o.toString());
    else if (o instanceof Float) out.put("f32", o.toString());
    else if (o instanceof Double) out.put("f64", o.toString());
    else if (o instanceof Boolean) out.put("b", (Boolean) o);
    else if (o instanceof String) out.put("s", (String) o);
    else if (o instanceof byte[]) out.put("y", (byte[]) o);
    else if (o instanceof ByteBuffer) out.put("y", ((ByteBuffer) o).array());
    else if (o instanceof java.util.Date) out.put("ms", Long.toString(((java.util.Date) o).getTime()));
    else if (o instanceof BigDecimal) out.putArray("dec").add(((BigDecimal) o).unscaledValue().toString()).add(((BigDecimal) o).scale());
    else if (o instanceof BigInteger) out.put("big", o.toString());
    else if (o instanceof List) {
      ArrayNode list = out.putArray("l");
      for (Object e : (List<Object>) o) list.add(writeValue(e));
    } else if (o instanceof Map) {
      ArrayNode list = out.putArray("m");
      TreeMap<String, ArrayNode> sorted = new TreeMap<>();
      ((Map<Object, Object>) o).forEach((k, v) ->
          sorted.put(writeValue(k).toString(), JSON.createArrayNode().add(writeValue(k)).add(writeValue(v))));
      sorted.values().forEach(list::add);
    } else if (o instanceof Struct) {
      Struct s = (Struct) o;
      ArrayNode pair = out.putArray("st").add(write(s.schema()));
      ArrayNode fields = pair.addArray();
      for (Field f : s.schema().fields()) {
        Object v = s.getWithoutDefault(f.name());
        if (v != null) fields.addArray().add(f.name()).add(writeValue(v));
      }
    } else out.put("other", o.getClass().getName());
    return out;
  }
}
