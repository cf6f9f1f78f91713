package probe.nextflow;

import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;

/**
 * The run that this Nextflow belongs to: its folder, its library, and this process's file of declarations.
 *
 * <p>A run is joined where PROBE_RUN names one (`probe nextflow …`), else opened with probe-record. Each line
 * is written at once and whole, so that whatever ends Nextflow leaves what was told before.
 */
final class Recording {
    private static final String FOLDER = "nextflow";
    private static final long PATIENCE = 20; // seconds that probe-record may take to open a run

    final Path folder;
    final String library;
    /** Whether this process, and so what it starts, has library and run in its own environment. */
    final boolean inherited;
    private final FileChannel file;

    private Recording(Path folder, String library, boolean inherited) throws IOException {
        this.folder = folder;
        this.library = library;
        this.inherited = inherited;
        Path place = Files.createDirectories(folder.resolve("declarations").resolve(FOLDER));
        Path name = place.resolve(ProcessHandle.current().pid() + ".jsonl");
        file = FileChannel.open(name, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /** Joins the run of the environment, or opens one for this process. */
    static Recording join() throws IOException, InterruptedException {
        Map<String, String> environment = System.getenv();
        String run = environment.getOrDefault("PROBE_RUN", "");
        String library = libraryIn(environment.getOrDefault("LD_PRELOAD", ""));
        if (run.startsWith("/") && library != null && Files.exists(Path.of(run, "run.json"))) {
            return new Recording(Path.of(run), library, true);
        }
        Map<String, String> opened = open();
        library = libraryIn(opened.getOrDefault("LD_PRELOAD", ""));
        if (library == null || !opened.containsKey("PROBE_RUN")) {
            throw new IOException("probe-record did not tell where it records");
        }
        return new Recording(Path.of(opened.get("PROBE_RUN")), library, false);
    }

    /** Writes one line. */
    synchronized void write(Map<String, ?> line) throws IOException {
        ByteBuffer text = ByteBuffer.wrap((Json.of(line) + "\n").getBytes(StandardCharsets.US_ASCII));
        while (text.hasRemaining()) {
            file.write(text);
        }
    }

    /** Tells how the run ended and has it taken in, when it was opened here and not by a launcher. */
    void finish(int status) throws IOException {
        if (inherited) {
            return;
        }
        Map<String, Object> result = new HashMap<>();
        result.put("status", status);
        result.put("ended", System.currentTimeMillis() * 1_000_000L);
        result.put("pid", 0);
        for (String unknown : List.of("user", "system", "memory")) {
            result.put(unknown, -1);
        }
        Path aside = folder.resolve("result.json.aside");
        Files.writeString(aside, Json.of(result));
        Files.move(aside, folder.resolve("result.json"), StandardCopyOption.ATOMIC_MOVE);
        String python = installed().getProperty("python");
        if (python != null) {
            start(python, "-P", "-m", "probe_core.history.finish", "-q", folder.toString())
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        }
    }

    private static Map<String, String> open() throws IOException, InterruptedException {
        String launcher = installed().getProperty("launcher", "probe-record");
        List<String> command = new ArrayList<>(List.of(
                launcher, "--prepare", "--root", Long.toString(ProcessHandle.current().pid()),
                "--engine", "nextflow", "--"));
        command.addAll(commandLine());
        Process process = start(command.toArray(String[]::new)).start();
        process.getOutputStream().close();
        String told = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        String said = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (!process.waitFor(PATIENCE, TimeUnit.SECONDS) || process.exitValue() != 0) {
            throw new IOException(said.isEmpty() ? launcher + " failed" : said);
        }
        Map<String, String> variables = new HashMap<>();
        for (String pair : told.split("\0")) {
            int equals = pair.indexOf('=');
            if (equals > 0) {
                variables.put(pair.substring(0, equals), pair.substring(equals + 1));
            }
        }
        return variables;
    }

    /** Gives what `nextflow` was called with, for people: Java's own options left out. */
    private static List<String> commandLine() {
        List<String> words = new ArrayList<>(List.of("nextflow"));
        String[] all = ProcessHandle.current().info().arguments().orElse(new String[0]);
        int main = -1;
        for (int at = 0; at < all.length; at++) {
            main = all[at].startsWith("nextflow.cli.") ? at : main;
        }
        for (int at = main + 1; at < all.length; at++) {
            words.add(all[at]);
        }
        return words;
    }

    private static ProcessBuilder start(String... command) {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().remove("PROBE_RUN");
        return builder;
    }

    private static String libraryIn(String preload) {
        for (String word : preload.split("[: ]")) {
            if (word.startsWith("/") && word.substring(word.lastIndexOf('/')).startsWith("/libprobe")) {
                return word;
            }
        }
        return null;
    }

    /** What `probe nextflow` wrote when it installed this plugin: where launcher and Python are. */
    private static Properties installed() throws IOException {
        Properties properties = new Properties();
        try (InputStream text = Recording.class.getResourceAsStream("/probe.properties")) {
            if (text != null) {
                properties.load(text);
            }
        }
        return properties;
    }
}
