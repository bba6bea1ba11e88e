// Prints what Kafka's own converters make of some values: name, tab, bytes in hexadecimal or "null". It was run against
// the jars of Apache Kafka 4.3.1 (java -cp 'libs/*' Golden.java > golden.txt).
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.connect.converters.*;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.*;

public class Golden {
    static String hex(byte[] b) {
        if (b == null) return "null";
        StringBuilder s = new StringBuilder();
        for (byte x : b) s.append(String.format("%02x", x));
        return s.toString();
    }

    static String describe(Schema s) {
        return s == null ? "-" : s.type() + (s.isOptional() ? "?" : "") + (s.name() == null ? "" : ":" + s.name());
    }

    static String show(Object v) {
        if (v == null) return "null";
        if (v instanceof byte[]) return "bytes:" + hex((byte[]) v);
        if (v instanceof java.util.Date) return "Date:" + ((java.util.Date) v).getTime();
        if (v instanceof Map) {
            StringBuilder s = new StringBuilder("{");
            for (Map.Entry<?, ?> e : new TreeMap<>((Map<?, ?>) v).entrySet()) s.append(show(e.getKey())).append('=').append(show(e.getValue())).append(';');
            return s.append('}').toString();
        }
        if (v instanceof List) {
            StringBuilder s = new StringBuilder("[");
            for (Object e : (List<?>) v) s.append(show(e)).append(';');
            return s.append(']').toString();
        }
        if (v instanceof Struct) {
            Struct st = (Struct) v;
            StringBuilder s = new StringBuilder("Struct(");
            for (Field f : st.schema().fields()) s.append(f.name()).append('=').append(show(st.getWithoutDefault(f.name()))).append(';');
            return s.append(')').toString();
        }
        if (v instanceof BigDecimal) return "BigDecimal:" + ((BigDecimal) v).unscaledValue() + "/" + ((BigDecimal) v).scale();
        return v.getClass().getSimpleName() + ":" + v;
    }

    interface Thunk { String run() throws Exception; }

    static void line(String name, Thunk t) {
        String out;
        try { out = t.run(); } catch (Exception e) {
            out = "error " + e.getMessage();
        }
        System.out.println(name + "\t" + out.replace("\n", "\\n"));
    }

    static JsonConverter json(boolean schemas, String... more) {
        Map<String, Object> conf = new HashMap<>();
        conf.put("schemas.enable", schemas);
        for (int i = 0; i < more.length; i += 2) conf.put(more[i], more[i + 1]);
        JsonConverter c = new JsonConverter();
        c.configure(conf, false);
        return c;
    }

    static void values(Map<String, SchemaAndValue> m) {
        m.put("null", SchemaAndValue.NULL);
        m.put("null optional string", new SchemaAndValue(Schema.OPTIONAL_STRING_SCHEMA, null));
        m.put("null required string", new SchemaAndValue(Schema.STRING_SCHEMA, null));
        m.put("boolean", new SchemaAndValue(Schema.BOOLEAN_SCHEMA, true));
        m.put("int8", new SchemaAndValue(Schema.INT8_SCHEMA, (byte) -5));
        m.put("int16", new SchemaAndValue(Schema.INT16_SCHEMA, (short) 300));
        m.put("int32", new SchemaAndValue(Schema.INT32_SCHEMA, 70000));
        m.put("int64", new SchemaAndValue(Schema.INT64_SCHEMA, Long.MIN_VALUE));
        m.put("float", new SchemaAndValue(Schema.FLOAT32_SCHEMA, 3.4f));
        m.put("float nan", new SchemaAndValue(Schema.FLOAT32_SCHEMA, Float.NaN));
        m.put("double", new SchemaAndValue(Schema.FLOAT64_SCHEMA, 1234567890.5));
        m.put("double small", new SchemaAndValue(Schema.FLOAT64_SCHEMA, 0.0001));
        m.put("double whole", new SchemaAndValue(Schema.FLOAT64_SCHEMA, 100.0));
        m.put("double infinite", new SchemaAndValue(Schema.FLOAT64_SCHEMA, Double.NEGATIVE_INFINITY));
        m.put("string", new SchemaAndValue(Schema.STRING_SCHEMA, "a\"b\\/<>&\u00e9\u2028\ud83d\ude00\u0001\u007f\n"));
        m.put("bytes", new SchemaAndValue(Schema.BYTES_SCHEMA, new byte[]{0, 1, (byte) 255, 62, 63}));
        m.put("bytes empty", new SchemaAndValue(Schema.BYTES_SCHEMA, new byte[0]));
        m.put("array", new SchemaAndValue(SchemaBuilder.array(Schema.INT32_SCHEMA).build(), List.of(1, 2)));
        m.put("array optional", new SchemaAndValue(SchemaBuilder.array(Schema.OPTIONAL_STRING_SCHEMA).optional().build(), Arrays.asList("a", null)));
        m.put("map", new SchemaAndValue(SchemaBuilder.map(Schema.STRING_SCHEMA, Schema.INT32_SCHEMA).build(), Map.of("k", 1)));
        m.put("map ints", new SchemaAndValue(SchemaBuilder.map(Schema.INT32_SCHEMA, Schema.STRING_SCHEMA).build(), Map.of(7, "x")));
        m.put("decorated", new SchemaAndValue(SchemaBuilder.string().name("n").version(3).doc("d").parameter("p", "q").defaultValue("dflt").build(), "v"));
        m.put("default int for null", new SchemaAndValue(SchemaBuilder.int32().optional().defaultValue(9).build(), null));
        Schema inner = SchemaBuilder.struct().field("x", Schema.INT8_SCHEMA).optional().build();
        Schema s = SchemaBuilder.struct().name("rec").field("a", Schema.INT32_SCHEMA).field("b", Schema.OPTIONAL_STRING_SCHEMA)
            .field("c", SchemaBuilder.int64().defaultValue(5L).build()).field("in", inner).build();
        m.put("struct", new SchemaAndValue(s, new Struct(s).put("a", 1).put("b", "t").put("in", new Struct(inner).put("x", (byte) 2))));
        m.put("struct sparse", new SchemaAndValue(s, new Struct(s).put("a", 1)));
        m.put("decimal", new SchemaAndValue(Decimal.schema(2), new BigDecimal(new BigInteger("-15600"), 2)));
        m.put("decimal big", new SchemaAndValue(Decimal.schema(3), new BigDecimal("123456789012345678901234567890.125")));
        m.put("decimal zero", new SchemaAndValue(Decimal.schema(0), new BigDecimal("0")));
        m.put("decimal negative scale", new SchemaAndValue(Decimal.schema(-2), new BigDecimal(new BigInteger("15"), -2)));
        m.put("decimal tiny", new SchemaAndValue(Decimal.schema(9), new BigDecimal(new BigInteger("15"), 9)));
        m.put("date", new SchemaAndValue(Date.SCHEMA, new java.util.Date(10000L * 86400000L)));
        m.put("time", new SchemaAndValue(Time.SCHEMA, new java.util.Date(14400123L)));
        m.put("timestamp", new SchemaAndValue(Timestamp.SCHEMA, new java.util.Date(4000000000123L)));
        m.put("timestamp optional null", new SchemaAndValue(Timestamp.builder().optional().build(), null));
        m.put("plain string", new SchemaAndValue(null, "x"));
        m.put("plain long", new SchemaAndValue(null, 5L));
        m.put("plain bytes", new SchemaAndValue(null, new byte[]{1, 2, 3}));
        m.put("plain list", new SchemaAndValue(null, Arrays.asList(1L, "a", null, true, 1.5)));
        m.put("plain map", new SchemaAndValue(null, Map.of("k", List.of(1L))));
        m.put("plain map ints", new SchemaAndValue(null, Map.of(1L, "v")));
        m.put("wrong type", new SchemaAndValue(Schema.INT32_SCHEMA, "x"));
    }

    public static void main(String[] args) {
        Map<String, SchemaAndValue> m = new LinkedHashMap<>();
        values(m);
        Map<String, JsonConverter> js = new LinkedHashMap<>();
        js.put("schemas", json(true));
        js.put("plain", json(false));
        js.put("numeric", json(false, "decimal.format", "NUMERIC"));
        js.put("nodefault", json(true, "replace.null.with.default", "false"));
        js.forEach((n, c) -> m.forEach((name, sv) ->
            line("json " + n + " " + name, () -> { byte[] b = c.fromConnectData("t", sv.schema(), sv.value()); return b == null ? "null" : new String(b, StandardCharsets.UTF_8); })));

        String[] texts = {
            "", " ", "null", "true", "5", "-0", "5.5", "1e3", "9223372036854775808", "\"s\"", "[1,\"a\",null]", "{\"b\":1,\"a\":{\"x\":[]}}", "{", "tru", "{} x", "\"\\ud83d\\ude00\"",
            "{\"schema\":null,\"payload\":7}", "{\"payload\":7,\"schema\":{\"type\":\"int32\"}}", "{\"schema\":{\"type\":\"int8\"},\"payload\":300}",
            "{\"schema\":{\"type\":\"string\",\"optional\":true},\"payload\":null}", "{\"schema\":{\"type\":\"string\",\"optional\":false},\"payload\":null}",
            "{\"schema\":{\"type\":\"string\"},\"payload\":5}", "{\"schema\":{\"type\":\"boolean\"},\"payload\":\"true\"}", "{\"schema\":{\"type\":\"bytes\"},\"payload\":\"AAEC\"}",
            "{\"schema\":{\"type\":\"bytes\"},\"payload\":\"%%\"}", "{\"schema\":{\"type\":\"what\"},\"payload\":1}", "{\"schema\":{},\"payload\":1}", "{\"schema\":{\"type\":\"array\"},\"payload\":[]}",
            "{\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"int32\"}},\"payload\":[1,2]}",
            "{\"schema\":{\"type\":\"map\",\"keys\":{\"type\":\"string\"},\"values\":{\"type\":\"int32\"}},\"payload\":{\"a\":1}}",
            "{\"schema\":{\"type\":\"map\",\"keys\":{\"type\":\"int32\"},\"values\":{\"type\":\"int32\"}},\"payload\":[[1,2]]}",
            "{\"schema\":{\"type\":\"map\",\"keys\":{\"type\":\"int32\"},\"values\":{\"type\":\"int32\"}},\"payload\":{\"1\":2}}",
            "{\"schema\":{\"type\":\"struct\",\"name\":\"r\",\"fields\":[{\"field\":\"a\",\"type\":\"int64\",\"optional\":false},{\"field\":\"b\",\"type\":\"string\",\"optional\":true,\"default\":\"d\"}]},\"payload\":{\"a\":1}}",
            "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"field\":\"a\",\"type\":\"int64\"}]},\"payload\":{}}",
            "{\"schema\":{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1,\"parameters\":{\"scale\":\"2\"}},\"payload\":\"AJw=\"}",
            "{\"schema\":{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1,\"parameters\":{\"scale\":\"2\"}},\"payload\":1.50}",
            "{\"schema\":{\"type\":\"int32\",\"name\":\"org.apache.kafka.connect.data.Date\",\"version\":1},\"payload\":10000}",
            "{\"schema\":{\"type\":\"int32\",\"name\":\"org.apache.kafka.connect.data.Time\",\"version\":1},\"payload\":14400000}",
            "{\"schema\":{\"type\":\"int64\",\"name\":\"org.apache.kafka.connect.data.Timestamp\",\"version\":1},\"payload\":4000000000000}",
            "{\"schema\":{\"type\":\"int64\",\"name\":\"org.apache.kafka.connect.data.Timestamp\",\"version\":1},\"payload\":\"x\"}",
            "{\"schema\":{\"type\":\"int32\"},\"payload\":1,\"more\":2}", "[]",
        };
        for (String k : new String[]{"schemas", "plain"})
            for (String t : texts)
                line("parse " + k + " " + t, () -> { SchemaAndValue sv = js.get(k).toConnectData("t", t.getBytes(StandardCharsets.UTF_8)); return describe(sv.schema()) + " " + show(sv.value()); });

        String[] contents = {
            "{\"type\":\"int32\"}", "{\"type\":\"struct\",\"fields\":[{\"field\":\"a\",\"type\":\"int64\",\"optional\":true,\"default\":3}]}",
            "{\"type\":\"string\",\"optional\":true}", "null", "", "{", "{}", "{\"type\":\"what\"}", "5", "[]",
        };
        String[] bodies = {"5", "{\"a\":1}", "{\"a\":null}", "null", "", "\"s\"", "{", "{\"schema\":{\"type\":\"int8\"},\"payload\":7}"};
        for (String content : contents)
            for (String t : bodies) {
                line("content " + content + " parse " + t, () -> { SchemaAndValue sv = json(true, "schema.content", content).toConnectData("t", t.getBytes(StandardCharsets.UTF_8)); return describe(sv.schema()) + " " + show(sv.value()); });
                line("content plain " + content + " parse " + t, () -> { SchemaAndValue sv = json(false, "schema.content", content).toConnectData("t", t.getBytes(StandardCharsets.UTF_8)); return describe(sv.schema()) + " " + show(sv.value()); });
            }

        StringConverter sc = new StringConverter();
        sc.configure(Map.of(), false);
        m.forEach((name, sv) -> line("string " + name, () -> hex(sc.fromConnectData("t", sv.schema(), sv.value()))));
        Map<String, Converter> nums = new LinkedHashMap<>();
        nums.put("ShortConverter", new ShortConverter());
        nums.put("IntegerConverter", new IntegerConverter());
        nums.put("LongConverter", new LongConverter());
        nums.put("FloatConverter", new FloatConverter());
        nums.put("DoubleConverter", new DoubleConverter());
        nums.put("BooleanConverter", new BooleanConverter());
        nums.put("ByteArrayConverter", new ByteArrayConverter());
        byte[][] inputs = {null, {}, {1}, {0}, {2}, {1, 2}, {1, 2, 3, 4}, {1, 2, 3, 4, 5, 6, 7, 8}};
        nums.forEach((n, c) -> {
            c.configure(Map.of(), false);
            m.forEach((name, sv) -> line(n + " " + name, () -> hex(c.fromConnectData("t", sv.schema(), sv.value()))));
            for (byte[] in : inputs)
                line(n + " parse " + hex(in), () -> { SchemaAndValue sv = c.toConnectData("t", in); return describe(sv.schema()) + " " + show(sv.value()); });
        });
        SimpleHeaderConverter h = new SimpleHeaderConverter();
        m.forEach((name, sv) -> line("header " + name, () -> hex(h.fromConnectHeader("t", "h", sv.schema(), sv.value()))));
        String[] headers = {"", " ", "null", "true", "TRUE", "False", "5", "127", "128", "-129", "40000", "3000000000", "9223372036854775808", "1.5", "1.10", "1e3", "1.0E-5", "3.4028236e38", "NaN", "-", "+5", "05", "abc", "a b", "\"quoted\"", "\"a\\\"b\"",
            "2019-08-23", "14:34:54.346Z", "2019-08-23T14:34:54.346Z", "2019-13-23", "[1,2,3]", "[1, \"a\"]", "[]", "[1,,2]", "{\"a\":1}", "{\"a\":1,\"b\":2000}", "{}", "{a:1}", "[true,false]", "[1,2", "{1:2}", "[[1],[2]]", "[1,1.5]", "[1,3000]", "{\"k\":\"v\",\"l\":null}", "1,2", "a:b", "\u00e9"};
        for (String t : headers)
            line("parse header " + t, () -> { SchemaAndValue sv = h.toConnectHeader("t", "h", t.getBytes(StandardCharsets.UTF_8)); return describe(sv.schema()) + (sv.schema() != null && sv.schema().type() == Schema.Type.ARRAY ? "<" + (sv.schema().valueSchema() == null ? "-" : describe(sv.schema().valueSchema())) + ">" : "") + (sv.schema() != null && sv.schema().type() == Schema.Type.MAP ? "<" + describe(sv.schema().keySchema()) + "," + describe(sv.schema().valueSchema()) + ">" : "") + " " + show(sv.value()); });
    }
}
