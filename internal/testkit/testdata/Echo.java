import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.kafka.common.utils.AppInfoParser;

/** Answers each line with Kafka's version and the line, and ends at "end". */
public final class Echo {
    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null && !line.equals("end"); line = lines.readLine()) {
            System.out.println(AppInfoParser.getVersion() + " " + args[0] + " " + line);
        }
        System.err.println("echo ended");
    }
}
