package probe.nextflow;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import nextflow.Session;
import nextflow.dag.DAG;

/** Operators that write files themselves: no observer is told of them, so their place in the graph is. */
final class Operators {
    private static final String WRITING = "collectFile";

    private Operators() {}

    /** Gives each with the processes that its channel comes from. */
    static List<Map<String, Object>> writing(Session session) {
        List<Map<String, Object>> all = new ArrayList<>();
        DAG graph = session.getDag();
        for (DAG.Vertex vertex : List.copyOf(graph.getVertices())) {
            if (vertex.getProcess() == null && WRITING.equals(vertex.getLabel())) {
                Map<String, Object> one = new LinkedHashMap<>();
                one.put("operator", WRITING);
                one.put("from", new ArrayList<>(sources(vertex, graph)));
                all.add(one);
            }
        }
        return all;
    }

    /** The nearest processes upstream. */
    private static Set<String> sources(DAG.Vertex vertex, DAG graph) {
        Set<String> names = new TreeSet<>();
        Set<DAG.Vertex> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        Deque<DAG.Vertex> waiting = new ArrayDeque<>(List.of(vertex));
        while (!waiting.isEmpty()) {
            DAG.Vertex to = waiting.pop();
            for (DAG.Edge edge : List.copyOf(graph.getEdges())) {
                DAG.Vertex from = edge.getFrom();
                if (edge.getTo() != to || from == null || !seen.add(from)) {
                    continue;
                }
                if (from.getProcess() != null) {
                    names.add(from.getProcess().getName());
                } else {
                    waiting.push(from);
                }
            }
        }
        return names;
    }
}
