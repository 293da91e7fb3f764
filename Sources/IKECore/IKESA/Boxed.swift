/// A value that is mostly nil, and then takes one word.
///
/// An IKE_SA spends its life waiting: what it needs for moments only would be most of its memory, ten thousand times over.
@propertyWrapper struct Boxed<Value> {
    private final class Box {
        let value: Value
        init(_ value: Value) { self.value = value }
    }

    private var box: Box?

    /// Nil.
    init() {}

    var wrappedValue: Value? {
        get { self.box?.value }
        set { self.box = newValue.map { Box($0) } }
    }
}
