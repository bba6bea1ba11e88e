// Prints java-distributed.tsv: run it with the jars of Kafka's libs folder on the class path.
import org.apache.kafka.common.config.*;
import java.util.*;
public class Dump {
  static String esc(String s){ if(s==null) return "\\N"; return s.replace("\\","\\\\").replace("\n","\\n").replace("\t","\\t"); }
  public static void main(String[] a) throws Exception {
    ConfigDef d;
    if (a.length==0) {
      Class<?> c=Class.forName("org.apache.kafka.connect.runtime.distributed.DistributedConfig");
      Class<?> cr=Class.forName("org.apache.kafka.connect.runtime.distributed.Crypto");
      var m=c.getDeclaredMethod("config",cr); m.setAccessible(true);
      var f=cr.getDeclaredField("SYSTEM"); f.setAccessible(true);
      d=(ConfigDef)m.invoke(null,f.get(null));
    } else {
      Class<?> c=Class.forName(a[0]); 
      d=(ConfigDef)c.getDeclaredMethod(a[1]).invoke(null);
    }
    for (ConfigDef.ConfigKey k : d.configKeys().values()) {
      String def = k.hasDefault()? esc(ConfigDef.convertToString(k.defaultValue,k.type)) : "\\-";
      System.out.println(String.join("\t", k.name, k.type.toString(), def, k.importance.toString(), k.validator==null?"\\N":esc(k.validator.toString()), esc(k.group), ""+k.orderInGroup, k.width.toString(), esc(k.displayName), String.join(",",k.dependents), k.recommender==null?"":"R", k.internalConfig?"I":""));
    }
  }
}
