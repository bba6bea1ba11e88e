// Prints java-configdef.tsv: run it with the jars of Kafka's libs folder on the class path.
import org.apache.kafka.common.config.*;
import org.apache.kafka.common.config.ConfigDef.*;
import java.util.*;
public class Golden {
  static String esc(Object o){ if(o==null) return "\\N"; return o.toString().replace("\\","\\\\").replace("\n","\\n").replace("\t","\\t").replace("\r","\\r").replace("\0","\\0"); }
  static void row(Object... c){ StringJoiner j=new StringJoiner("\t"); for(Object o:c) j.add(esc(o)); System.out.println(j); }
  public static void main(String[] a){
    Map<String,Validator> v=new LinkedHashMap<>();
    v.put("none",null);
    v.put("atLeast1",Range.atLeast(1)); v.put("between0and10",Range.between(0,10)); v.put("between0.5and1.0",Range.between(0.5,1.0));
    v.put("in",ValidString.in("a","b")); v.put("inFold",CaseInsensitiveValidString.in("PLAINTEXT","SSL","SASL_PLAINTEXT","SASL_SSL"));
    v.put("nonNull",new NonNullValidator()); v.put("nonEmpty",new NonEmptyString()); v.put("noControl",NonEmptyStringWithoutControlChars.nonEmptyStringWithoutControlChars());
    v.put("listSize2",ListSize.atMostOfSize(2)); v.put("listIn",ValidList.in("a","b")); v.put("listInNonEmpty",ValidList.in(false,"a","b"));
    v.put("anyList",ValidList.anyNonDuplicateValues(true,true)); v.put("anyListStrict",ValidList.anyNonDuplicateValues(false,false));
    v.put("composite",CompositeValidator.of(new NonEmptyString(),ValidString.in("a","b")));
    for (var e: v.entrySet()) row("validator",e.getKey(),e.getValue()==null?"":e.getValue().toString());
    Object[][] t={
     {Type.BOOLEAN,"none",new String[]{"true"," TRUE ","False","yes","","1"}},
     {Type.STRING,"none",new String[]{" a b ","\t\n","","x"}},
     {Type.INT,"none",new String[]{"5"," +5 ","-5","2147483647","2147483648","1.0","0x10","","abc","1_000"," abc "}},
     {Type.SHORT,"none",new String[]{"32767","32768","-1","x"}},
     {Type.LONG,"none",new String[]{"9223372036854775807","9223372036854775808","-0","1L"}},
     {Type.DOUBLE,"none",new String[]{"1","1.5","1e3","1e10","0.0001","123456789.5","NaN","Infinity","-Infinity","inf","nan","1f","1D","0x1p3","0x1.8p1d","1e400","-1e400","1_0","","." ,".5","5.","1e-400","-0","100","0.001","12345678","1.0E7"}},
     {Type.LIST,"none",new String[]{"a,b"," a , b ","","a,,b",",","a, ,b"," ","a\t,\nb","a b, c"}},
     {Type.PASSWORD,"none",new String[]{" secret ",""}},
     {Type.CLASS,"none",new String[]{" java.lang.String ","no.such.Class"," no.Such ",""}},
     {Type.INT,"atLeast1",new String[]{"1","0","-3","abc",null}},
     {Type.INT,"between0and10",new String[]{"0","10","11","-1",""}},
     {Type.DOUBLE,"between0.5and1.0",new String[]{"0.5","1","0.4","1.01","1e9","x"}},
     {Type.STRING,"in",new String[]{"a"," b ","c","A","",null}},
     {Type.STRING,"inFold",new String[]{"ssl","Sasl_Ssl","tls","",null}},
     {Type.STRING,"nonNull",new String[]{"a","",null}},
     {Type.STRING,"nonEmpty",new String[]{"a",""," ",null}},
     {Type.STRING,"noControl",new String[]{"a","","a\tb","a\u0001b\u0085\u007fc","caf\u00e9 \ud83d\ude00",null}},
     {Type.LIST,"listSize2",new String[]{"a,b","a,b,c",""}},
     {Type.LIST,"listIn",new String[]{"a,b","a,c","a,a","","a,",null}},
     {Type.LIST,"listInNonEmpty",new String[]{"a","",null}},
     {Type.LIST,"anyList",new String[]{"x,y","x,x","x,,y","",null}},
     {Type.LIST,"anyListStrict",new String[]{"x","","x,x",null}},
     {Type.STRING,"composite",new String[]{"a","","c"}},
    };
    for(Object[] c:t) for(String in:(String[])c[2]){
      ConfigDef d=new ConfigDef().define("k",(Type)c[0],NO(),v.get(c[1]),Importance.HIGH,"doc");
      Map<String,String> p=new HashMap<>(); if(in!=null) p.put("k",in);
      String parsed, err="";
      try{ parsed=esc(ConfigDef.convertToString(d.parse(p).get("k"),(Type)c[0])); }catch(ConfigException e){ parsed=""; err=e.getMessage(); }
      ConfigValue cv=d.validate(p).get(0);
      String val; try { val=ConfigDef.convertToString(cv.value(),(Type)c[0]); } catch(Exception e){ val="EXC "+e; }
      List<Object> r=new ArrayList<>(List.of("case",c[0],c[1])); r.add(in); r.add(parsed); r.add(err); r.add(val); r.addAll(cv.errorMessages());
      row(r.toArray());
    }
  }
  static Object NO(){ return ConfigDef.NO_DEFAULT_VALUE; }
}
