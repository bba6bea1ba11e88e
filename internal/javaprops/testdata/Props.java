// Prints what java.util.Properties reads from a file: the .java.txt next to each .properties here.
import java.util.*; import java.io.*; import java.nio.file.*;
public class Props { public static void main(String[] a) throws Exception { Properties p=new Properties(); try{ p.load(new FileInputStream(a[0])); }catch(Exception e){ System.out.println("ERR "+e.getMessage()); return; } for (String k: new TreeSet<>(p.stringPropertyNames())) System.out.println(q(k)+" = "+q(p.getProperty(k))); }
 static String q(String s){ StringBuilder b=new StringBuilder("\""); for(char c: s.toCharArray()) if(c<32||c>126||c=='"'||c=='\\') b.append(String.format("\\u%04x",(int)c)); else b.append(c); return b.append('"').toString(); } }
