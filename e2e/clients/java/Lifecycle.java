import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.sourcelab.kafka.connect.apiclient.Configuration;
import org.sourcelab.kafka.connect.apiclient.KafkaConnectClient;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorPluginConfigDefinition;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorStatus;
import org.sourcelab.kafka.connect.apiclient.request.dto.NewConnectorDefinition;
import org.sourcelab.kafka.connect.apiclient.request.post.PostConnectorRestart;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.InvalidRequestException;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.ResourceNotFoundException;

/** Leads connectors through their lives with org.sourcelab's client: Lifecycle URL FILE. Prints "done" when all was as it should be. */
public class Lifecycle {
    private static final String CLASS = "org.apache.kafka.connect.file.FileStreamSourceConnector";
    private static KafkaConnectClient client;

    public static void main(String[] args) throws Exception {
        client = new KafkaConnectClient(new Configuration(args[0]).useRequestTimeoutInSeconds(90));
        worker();
        // The client escapes names for paths.
        for (String name : List.of("java-client", "java -> client +?#")) {
            validation(args[1]);
            creation(name, args[1]);
            views(name, args[1]);
            states(name);
            restarts(name);
            change(name, args[1]);
            deletion(name);
        }
        System.out.println("done");
    }

    private static void worker() {
        check(client.getConnectServerVersion().getVersion().startsWith("4."), "version");
        check(!client.getConnectServerVersion().getKafkaClusterId().isEmpty(), "cluster id");
        check(client.getConnectorPlugins().stream().anyMatch(p -> p.getClassName().equals(CLASS) && p.getType().equals("source")), "plugins");
    }

    private static Map<String, String> config(String file) {
        Map<String, String> config = new HashMap<>();
        config.put("connector.class", CLASS);
        config.put("tasks.max", "1");
        config.put("file", file);
        config.put("topic", "java-client");
        return config;
    }

    private static void validation(String file) {
        Map<String, String> good = config(file);
        good.put("name", "v");
        check(client.validateConnectorPluginConfig(new ConnectorPluginConfigDefinition("FileStreamSourceConnector", good)).getErrorCount() == 0, "good config");
        good.remove("topic");
        var results = client.validateConnectorPluginConfig(new ConnectorPluginConfigDefinition("FileStreamSourceConnector", good));
        check(results.getErrorCount() == 1, "bad config");
        check(results.getConfigs().stream().anyMatch(c -> c.getDefinition().getName().equals("topic") && c.getDefinition().isRequired()
            && !c.getValue().getErrors().isEmpty()), "what is wrong");
    }

    private static void creation(String name, String file) throws Exception {
        Map<String, String> bad = config(file);
        bad.put("tasks.max", "many");
        says("tasks.max", refused(() -> client.addConnector(new NewConnectorDefinition(name, bad))));
        check(client.addConnector(new NewConnectorDefinition(name, config(file))).getName().equals(name), "creation");
        says("already exists", refused(() -> client.addConnector(new NewConnectorDefinition(name, config(file)))));
        await(name, "RUNNING", "RUNNING");
    }

    private static void views(String name, String file) throws Exception {
        check(client.getConnectors().contains(name), "list");
        var definition = client.getConnector(name);
        check(definition.getType().equals("source") && definition.getTasks().size() == 1, "info");
        Map<String, String> config = config(file);
        config.put("name", name);
        check(client.getConnectorConfig(name).equals(config) && definition.getConfig().equals(config), "config");
        var tasks = client.getConnectorTasks(name);
        check(tasks.size() == 1 && tasks.iterator().next().getId().getConnector().equals(name), "tasks");
        check(client.getConnectorTaskStatus(name, 0).getState().equals("RUNNING"), "task status");
        check(client.getConnectorsWithExpandedStatus().getStatusForConnector(name).getType().equals("source"), "expand=status");
        check(client.getConnectorsWithExpandedInfo().getDefinitionForConnector(name).getConfig().equals(config), "expand=info");
        check(client.getConnectorsWithAllExpandedMetadata().getConnectorNames().contains(name), "both");
        eventually("topics", () -> client.getConnectorTopics(name).getTopics().contains("java-client"));
        check(client.resetConnectorTopics(name), "reset of topics");
    }

    private static void states(String name) throws Exception {
        check(client.pauseConnector(name), "pause");
        await(name, "PAUSED", "PAUSED");
        check(client.resumeConnector(name), "resume");
        await(name, "RUNNING", "RUNNING");
    }

    private static void restarts(String name) throws Exception {
        check(client.restartConnector(name), "restart");
        await(name, "RUNNING", "RUNNING");
        check(client.restartConnector(new PostConnectorRestart(name).withIncludeTasks(true)), "restart with tasks");
        await(name, "RUNNING", "RUNNING");
        check(client.restartConnector(new PostConnectorRestart(name).withIncludeTasks(true).withOnlyFailed(true)), "restart of what failed");
        await(name, "RUNNING", "RUNNING");
        check(client.restartConnectorTask(name, 0), "restart of a task");
        await(name, "RUNNING", "RUNNING");
    }

    private static void change(String name, String file) throws Exception {
        Map<String, String> config = config(file);
        config.put("batch.size", "7");
        check(client.updateConnectorConfig(name, config).getConfig().get("batch.size").equals("7"), "change of config");
        eventually("new task config", () -> {
            Collection<org.sourcelab.kafka.connect.apiclient.request.dto.Task> tasks = client.getConnectorTasks(name);
            return tasks.size() == 1 && "7".equals(tasks.iterator().next().getConfig().get("batch.size"));
        });
        await(name, "RUNNING", "RUNNING");
    }

    private static void deletion(String name) throws Exception {
        check(client.deleteConnector(name), "deletion");
        eventually("gone", () -> !client.getConnectors().contains(name));
        check(refused(() -> client.getConnector(name)) instanceof ResourceNotFoundException, "info of none");
        check(refused(() -> client.deleteConnector(name)) instanceof ResourceNotFoundException, "deletion of none");
        check(refused(() -> client.pauseConnector(name)) instanceof ResourceNotFoundException, "pause of none");
        check(refused(() -> client.restartConnectorTask(name, 0)) instanceof ResourceNotFoundException, "restart of none");
    }

    private static void await(String name, String connector, String task) throws Exception {
        eventually(connector + " " + task, () -> {
            ConnectorStatus status = client.getConnectorStatus(name);
            return status.getConnector().get("state").equals(connector) && status.getTasks().size() == 1
                && status.getTasks().get(0).getState().equals(task);
        });
    }

    /** Waits until it is so. What a worker has not heard of yet is not there yet. */
    private static void eventually(String what, Callable<Boolean> condition) throws Exception {
        long end = System.nanoTime() + 120_000_000_000L;
        for (;;) {
            Exception last = null;
            try {
                if (condition.call()) {
                    return;
                }
            } catch (ResourceNotFoundException e) {
                last = e;
            }
            if (System.nanoTime() > end) {
                throw new AssertionError("still not so: " + what, last);
            }
            Thread.sleep(50);
        }
    }

    private static InvalidRequestException refused(Callable<?> request) throws Exception {
        try {
            request.call();
        } catch (InvalidRequestException e) {
            return e;
        }
        throw new AssertionError("not refused");
    }

    private static void says(String text, InvalidRequestException e) {
        if (!e.getMessage().contains(text)) {
            throw new AssertionError(text, e);
        }
    }

    private static void check(boolean ok, String what) {
        if (!ok) {
            throw new AssertionError(what);
        }
    }
}
