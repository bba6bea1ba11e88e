// Answers what java.util.regex makes of a pattern and a text: a request {"p": pattern, "s": text} a line, and a line of JSON
// for each: whether all of the text matches, where the first match and its groups are in the bytes of UTF-8, or the error.
import com.fasterxml.jackson.databind.*;
import com.fasterxml.jackson.databind.node.*;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.regex.*;

public class Oracle {
  static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    for (String line; (line = in.readLine()) != null; ) {
      ObjectNode q = (ObjectNode) JSON.readTree(line);
      try {
        answer(q, q.get("p").asText(), q.get("s").asText());
      } catch (RuntimeException e) { // [[a]&&] is a null pointer to Java
        q.put("crash", true);
      }
      out.println(JSON.writeValueAsString(q));
    }
  }

  static void answer(ObjectNode out, String pattern, String text) {
    Pattern p;
    try {
      p = Pattern.compile(pattern);
    } catch (PatternSyntaxException e) {
      out.put("error", e.getMessage());
      return;
    }
    out.put("matches", p.matcher(text).matches());
    Matcher m = p.matcher(text);
    if (!m.find()) return;
    ArrayNode at = out.putArray("find");
    for (int i = 0; i <= m.groupCount(); i++) at.add(bytes(text, m.start(i))).add(bytes(text, m.end(i)));
  }

  static int bytes(String text, int index) {
    return index < 0 ? -1 : text.substring(0, index).getBytes(StandardCharsets.UTF_8).length;
  }
}
