// Reads PROV documents with ProvToolbox and holds them against PROV-CONSTRAINTS.
// java -cp 'JARS/*' Judge.java FILE…   prints a line for each file:
//   FILE <tab> kind=number … <tab> violation=number …
// where kinds are those of the statements that were read. A file that cannot be read ends it with status 1.

import java.util.Map;
import java.util.TreeMap;
import org.openprovenance.prov.interop.InteropFramework;
import org.openprovenance.prov.model.Document;
import org.openprovenance.prov.model.StatementOrBundle;
import org.openprovenance.prov.validation.Config;
import org.openprovenance.prov.validation.ObjectMaker;
import org.openprovenance.prov.validation.Unknown;
import org.openprovenance.prov.validation.Validate;
import org.openprovenance.prov.validation.VarQName;
import org.openprovenance.prov.validation.report.ValidationReport;
import org.openprovenance.prov.vanilla.QualifiedName;

public class Judge {
    static class Variable extends QualifiedName implements VarQName {
        Variable(String namespace, String local, String prefix) { super(namespace, local, prefix); }
    }

    static class Nobody extends QualifiedName implements Unknown {
        Nobody(String namespace, String local) { super(namespace, local, "unknown"); }
    }

    static class Maker implements ObjectMaker {
        public VarQName makeVarQName(String namespace, String local, String prefix) {
            return new Variable(namespace, local, prefix);
        }
        public VarQName makeVarQName(org.openprovenance.prov.model.QualifiedName name) {
            return new Variable(name.getNamespaceURI(), name.getLocalPart(), name.getPrefix());
        }
        public Unknown makeUnknown(String namespace, String local) { return new Nobody(namespace, local); }
    }

    static String counted(Map<String, Integer> counts) {
        StringBuilder text = new StringBuilder();
        counts.forEach((name, number) -> text.append(text.length() > 0 ? " " : "").append(name + "=" + number));
        return text.toString();
    }

    static Map<String, Integer> kinds(Document document) {
        Map<String, Integer> counts = new TreeMap<>();
        for (StatementOrBundle one : document.getStatementOrBundle()) {
            counts.merge(one.getKind().toString(), 1, Integer::sum);
        }
        return counts;
    }

    static Map<String, Integer> violations(ValidationReport report) {
        Map<String, Integer> counts = new TreeMap<>();
        counts.put("cycle", report.getCycle().size());
        counts.put("failedMerge", report.getFailedMerge().size());
        counts.put("nonStrictCycle", report.getNonStrictCycle().size());
        counts.put("nameMismatch", report.getQualifiedNameMismatch().size());
        counts.put("typeOverlap", report.getTypeOverlap().size());
        counts.put("malformed", report.getMalformedStatements() == null ? 0 : 1);
        counts.put("specialization", report.getSpecializationReport() == null ? 0 : 1);
        counts.values().removeIf(number -> number == 0);
        return counts;
    }

    public static void main(String[] files) throws Exception {
        for (String file : files) {
            Document document = new InteropFramework().readDocumentFromFile(file);
            Map<String, Integer> kinds = kinds(document);
            Config config = Config.newYesToAllConfig(InteropFramework.getDefaultFactory(), new Maker());
            ValidationReport report = new Validate(config).validate(document);
            System.out.println(file + "\t" + counted(kinds) + "\t" + counted(violations(report)));
        }
    }
}
