import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.connect.mirror.MirrorClientConfig;
import org.apache.kafka.connect.mirror.MirrorMaker;
import org.apache.kafka.connect.mirror.MirrorMakerConfig;
import org.apache.kafka.connect.mirror.SourceAndTarget;

/** Says how Kafka's MirrorMakerConfig reads properties files: each line of input is the text of one, as a JSON string. */
public class MirrorMakerAnswers {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            Map<String, Object> out = new LinkedHashMap<>();
            try {
                answer(JSON.readValue(line, String.class), out);
            } catch (Throwable e) {
                out.put("error", e.toString());
            }
            System.out.println(JSON.writeValueAsString(out));
        }
    }

    static void answer(String text, Map<String, Object> out) throws Exception {
        Properties props = new Properties();
        props.load(new StringReader(text));
        MirrorMakerConfig config = new MirrorMakerConfig(Utils.propsToStringMap(props));
        Method names = MirrorMakerConfig.class.getDeclaredMethod("allConfigNames");
        names.setAccessible(true);
        out.put("connectorKeys", new TreeSet<>((java.util.Set<String>) names.invoke(config)));
        java.lang.reflect.Field def = MirrorClientConfig.class.getDeclaredField("CLIENT_CONFIG_DEF");
        def.setAccessible(true);
        out.put("clientKeys", new TreeSet<>(((org.apache.kafka.common.config.ConfigDef) def.get(null)).names()));
        out.put("internalRest", config.enableInternalRest());
        List<String> pairs = new ArrayList<>();
        Map<String, Object> workers = new TreeMap<>();
        Map<String, Object> connectors = new TreeMap<>();
        for (SourceAndTarget pair : config.clusterPairs()) {
            pairs.add(pair.toString());
            workers.put(pair.toString(), config.workerConfig(pair));
            Map<String, Object> of = new TreeMap<>();
            for (Class<?> c : MirrorMaker.CONNECTOR_CLASSES) {
                of.put(c.getSimpleName(), config.connectorBaseConfig(pair, c));
            }
            connectors.put(pair.toString(), of);
        }
        pairs.sort(null);
        out.put("pairs", pairs);
        out.put("workers", workers);
        out.put("connectors", connectors);
    }
}
