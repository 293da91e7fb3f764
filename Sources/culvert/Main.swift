internal import CulvertCLI

@main
struct Main {
    static func main() {
        runCulvert()
    }
}
